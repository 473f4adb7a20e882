#pragma once
// A picture or video as a model gets it, handed on between folders that know nothing of patches.

#include <cstdint>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/base/sha256.h"

namespace glmv {

// Made and read by processing/media_cache.h.
struct PackedMedium {
  Grid grid;          // in patches
  int64_t width = 0;  // of the original, in pixels
  int64_t height = 0;
  std::vector<double> timestamps_s;
  Digest digest;                // media_digest() of its patches
  std::vector<uint8_t> values;  // of the patches before they were normalised
};

}  // namespace glmv
