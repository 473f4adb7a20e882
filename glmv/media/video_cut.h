#pragma once
// A part of a video file as a file of its own, its pictures and sound copied, not encoded anew.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "glmv/base/fd.h"
#include "glmv/base/result.h"

namespace glmv::media {

struct CutRequest {
  double begin_s = 0, end_s = 0;  // from the first frame
  uint64_t max_bytes = uint64_t{4} << 30;
};

struct CutReport {
  // A copy begins with the last key frame at or before the begin.
  double begin_s = 0, end_s = 0;
  int64_t num_frames = 0;
  bool has_sound = false;
  bool is_matroska = false;  // mp4 otherwise
};

// Puts bytes at an offset of the new file, in any order. False ends it (cancelled).
using WriteAt = std::function<bool(uint64_t offset, std::string_view bytes)>;

// `file`: regular, readable. Errors: as VideoOpener::open; invalid_argument (a part behind the
// end), unsupported (a codec that no container of ours takes), resource_exhausted (max_bytes).
Result<CutReport> cut_video(std::shared_ptr<const Fd> file, const CutRequest& request,
                            const WriteAt& write);

}  // namespace glmv::media
