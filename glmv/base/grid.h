#pragma once

#include <cstdint>

namespace glmv {

// Extent of one picture or video in patches: t temporal slices of h x w patches
// (one row of the reference's image_grid_thw / video_grid_thw).
struct Grid {
  int64_t t = 1;
  int64_t h = 0;
  int64_t w = 0;

  int64_t num_patches() const { return t * h * w; }
  friend bool operator==(const Grid&, const Grid&) = default;
};

}  // namespace glmv
