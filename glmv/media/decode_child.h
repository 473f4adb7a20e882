#pragma once
// The child's side of ChildDecoder.

#include <cstddef>
#include <cstdint>

#include "glmv/base/result.h"

namespace glmv::media {

// Enters the sandbox (base/sandbox.h) and decodes what comes over the socket `socket` until the
// parent closes it. Called by the main thread of a process that does nothing else. `max_pixels` of
// any request: the memory that is allowed follows from it. Errors: unavailable (the socket).
Result<void> serve_decode_requests(int socket, int64_t max_pixels);

}  // namespace glmv::media
