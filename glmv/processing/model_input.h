#pragma once
// What the model gets for one prompt: plain vectors, no tensor library.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/base/kept_memory.h"
#include "glmv/base/sha256.h"

namespace glmv::processing {

enum class MediaKind : uint8_t { kImage = 1, kVideo = 2 };

// Not initialised by resize().
using PatchValues = std::vector<float, KeptAllocator<float>>;

// One picture or video of the prompt. `patches` are rows of pixel_values [num_patches, patch_dim]
// in block order: the four patches of a merged token lie together, blocks row by row.
struct Medium {
  MediaKind kind = MediaKind::kImage;
  Grid grid;            // patches: t = 1 for images
  PatchValues patches;  // [grid.num_patches() * patch_dim]
  int64_t width = 0;    // of the original picture, after EXIF rotation, in pixels
  int64_t height = 0;
  std::vector<double> timestamps_s;  // videos: one per temporal slice
  std::optional<Digest> digest;      // media_digest(), once it was computed
};

struct ModelInput {
  std::vector<int32_t> input_ids;
  std::vector<uint8_t> mm_token_types;  // per token: 0 text, 1 image, 2 image token of a video
  std::vector<Medium> media;            // in prompt order
  std::array<std::vector<int32_t>, 3> position_ids;  // t, h, w axes; each as long as input_ids
  int32_t rope_delta = 0;  // position of generated token s is s + rope_delta

  // Text behind the prompt, at the positions that generated tokens would have.
  void append_text(std::span<const int32_t> ids) {
    for (const int32_t id : ids) {
      const int32_t position = static_cast<int32_t>(input_ids.size()) + rope_delta;
      input_ids.push_back(id);
      mm_token_types.push_back(0);
      for (std::vector<int32_t>& axis : position_ids) axis.push_back(position);
    }
  }
};

}  // namespace glmv::processing
