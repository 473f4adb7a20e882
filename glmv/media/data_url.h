#pragma once
// data: URLs of requests: data:TYPE;base64,PAYLOAD and, for videos given as frames,
// data:video/jpeg;fps=2;frames_indices=0,1,2;base64,FRAME,FRAME,... Nothing is copied or decoded.

#include <string_view>
#include <utility>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::media {

struct DataUrl {
  std::string_view media_type;                                            // as written; a hint
  std::vector<std::pair<std::string_view, std::string_view>> parameters;  // without base64
  std::string_view payload;  // base64, or several with commas between them

  // "" where there is none of that name.
  std::string_view parameter(std::string_view name) const;
  bool is_frame_list() const;  // video/jpeg
  // Of a frame list: the payload at its commas. Counted before any is decoded.
  size_t num_frames() const;
  std::vector<std::string_view> frames() const;
};

// Errors: invalid_argument (no data: URL, no comma), unsupported (not base64).
Result<DataUrl> split_data_url(std::string_view url);

}  // namespace glmv::media
