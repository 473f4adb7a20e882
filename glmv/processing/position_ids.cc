#include "glmv/processing/position_ids.h"

#include <algorithm>

namespace glmv::processing {
namespace {

// Hands out the temporal slices of the grids of one kind.
class SliceQueue {
 public:
  explicit SliceQueue(std::span<const Grid> grids) : grids_(grids) {}

  const Grid* next() {
    while (index_ < grids_.size() && slice_ >= grids_[index_].t) {
      ++index_;
      slice_ = 0;
    }
    if (index_ == grids_.size()) return nullptr;
    ++slice_;
    return &grids_[index_];
  }

 private:
  std::span<const Grid> grids_;
  size_t index_ = 0;
  int64_t slice_ = 0;
};

}  // namespace

Result<Positions> compute_positions(std::span<const uint8_t> types, std::span<const Grid> images,
                                    std::span<const Grid> videos, int64_t merge) {
  Positions positions;
  for (auto& axis : positions.ids) axis.reserve(types.size());
  auto& [t_axis, h_axis, w_axis] = positions.ids;
  SliceQueue image_slices(images), video_slices(videos);
  int64_t current = 0;
  int64_t largest = -1;
  for (size_t begin = 0; begin < types.size();) {
    size_t end = begin;
    while (end < types.size() && types[end] == types[begin]) ++end;
    const int64_t length = static_cast<int64_t>(end - begin);
    if (types[begin] == 0) {
      for (int64_t k = 0; k < length; ++k) {
        for (auto& axis : positions.ids) axis.push_back(static_cast<int32_t>(current + k));
      }
      current += length;
      largest = current - 1;
      begin = end;
      continue;
    }
    const bool video = types[begin] == 2;
    const Grid* grid = (video ? video_slices : image_slices).next();
    const char* kind = video ? "video" : "picture";
    if (!grid) {
      return invalid_argument(
          "media tokens at {} belong to no {}: there are more runs of media"
          " tokens than media",
          begin, kind);
    }
    const int64_t h = grid->h / merge, w = grid->w / merge;
    if (length != h * w) {
      return invalid_argument("{}: {} media tokens at {}, but the {} there has {}",
                              length > h * w ? "adjacent_media" : "placeholder_mismatch", length,
                              begin, kind, h * w);
    }
    for (int64_t y = 0; y < h; ++y) {
      for (int64_t x = 0; x < w; ++x) {
        t_axis.push_back(static_cast<int32_t>(current));
        h_axis.push_back(static_cast<int32_t>(current + y));
        w_axis.push_back(static_cast<int32_t>(current + x));
      }
    }
    current += std::max(h, w);
    largest = std::max(largest, current - 1);
    begin = end;
  }
  if (image_slices.next() || video_slices.next()) {
    return invalid_argument("placeholder_mismatch: there are more media than runs of media tokens");
  }
  positions.delta = static_cast<int32_t>(largest + 1 - static_cast<int64_t>(types.size()));
  return positions;
}

Result<void> set_position_ids(ModelInput& input, int64_t merge) {
  std::vector<Grid> images, videos;
  for (const Medium& medium : input.media) {
    (medium.kind == MediaKind::kImage ? images : videos).push_back(medium.grid);
  }
  GLMV_ASSIGN(Positions positions, compute_positions(input.mm_token_types, images, videos, merge));
  input.position_ids = std::move(positions.ids);
  input.rope_delta = positions.delta;
  return {};
}

}  // namespace glmv::processing
