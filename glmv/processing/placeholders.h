#pragma once
// Replaces the one placeholder per medium that the chat template writes by as many image tokens as
// the medium has after merging.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/processing/model_input.h"
#include "glmv/processing/processor_config.h"
#include "glmv/text/byte_range.h"

namespace glmv::processing {

inline constexpr std::string_view kImageToken = "<|image|>";
inline constexpr std::string_view kVideoToken = "<|video|>";
inline constexpr std::string_view kImageStart = "<|begin_of_image|>";
inline constexpr std::string_view kImageEnd = "<|end_of_image|>";
inline constexpr std::string_view kVideoStart = "<|begin_of_video|>";
inline constexpr std::string_view kVideoEnd = "<|end_of_video|>";

// What follows a frame in the prompt: "3" or "3.0 seconds".
std::string timestamp_text(double seconds, VideoStyle style);

// Times of the temporal slices: those of the first frame of each group of temporal_patch_size,
// the last one repeated where there are too few (0 if none).
std::vector<double> slice_times(std::span<const double> frame_times_s, int64_t num_slices,
                                int64_t temporal_patch_size);

struct Expanded {
  std::string text;
  std::vector<text::ByteRange> untrusted;  // the ranges given, moved to the new text
  std::vector<size_t> order;               // media in the order of their placeholders
  int64_t num_image_tokens = 0;            // <|image|> in all media
};

// The k-th <|image|> outside `untrusted` gets the k-th picture of `media`, likewise <|video|>.
// invalid_argument ("placeholder_mismatch") when the counts differ, in either direction.
Result<Expanded> expand_placeholders(std::string_view text, std::span<const Medium> media,
                                     std::span<const text::ByteRange> untrusted, VideoStyle style,
                                     int64_t merge);

}  // namespace glmv::processing
