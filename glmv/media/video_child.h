#pragma once
// The child's side of ChildVideoOpener.

#include "glmv/base/result.h"

namespace glmv::media {

// Enters the sandbox (base/sandbox.h) and reads the video in kChildFile for the parent at the other
// end of `socket` until it closes it. Called by the main thread of a process that does nothing
// else. Errors: unavailable (the socket).
Result<void> serve_video_requests(int socket);

}  // namespace glmv::media
