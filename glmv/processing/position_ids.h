#pragma once
// 3-axis positions of multimodal rotary embeddings.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/base/result.h"
#include "glmv/processing/model_input.h"

namespace glmv::processing {

struct Positions {
  std::array<std::vector<int32_t>, 3> ids;  // t, h, w axes; one entry per token
  int32_t delta = 0;                        // position of generated token s is s + delta
};

// `types` per token: 0 text, 1 image, 2 image token of a video. Grids are in patches, in prompt
// order per kind; a video grid counts as grid.t pictures. merge = spatial_merge_size.
// Errors: invalid_argument when the runs of media tokens do not match the grids
// ("adjacent_media" where two media have no token in between).
// Source: get_rope_index of transformers 5.23 modeling_glm4v.py.
Result<Positions> compute_positions(std::span<const uint8_t> types, std::span<const Grid> images,
                                    std::span<const Grid> videos, int64_t merge);

// The same from and into `input` (mm_token_types and media -> position_ids and rope_delta).
Result<void> set_position_ids(ModelInput& input, int64_t merge);

}  // namespace glmv::processing
