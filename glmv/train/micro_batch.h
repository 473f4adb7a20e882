#pragma once
// Encoded samples -> the tensors of one forward pass. Every sample is a sequence of its own.
// Shape legend: N tokens, P patches, M merged image tokens, K trained positions, D hidden size.

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/model/vlm.h"
#include "glmv/train/collator.h"

namespace glmv::train {

struct MicroBatch {
  at::Tensor input_ids_N;      // int64
  at::Tensor position_ids_3N;  // int64
  std::vector<model::SequenceSlice> sequences;
  at::Tensor patches;  // [P, patch_dim] fp32; undefined without media
  std::vector<Grid> grids;
  at::Tensor image_positions_M;  // int64; undefined without media
  // The rows that predict are those of the merger, not of the decoder (visual-words).
  bool from_visual_rows = false;
  at::Tensor rows_K;     // int64: rows that predict a trained token
  at::Tensor targets_K;  // int64: that token
};

MicroBatch make_micro_batch(std::span<const EncodedSample* const> samples, at::Device device);

// Hidden states that rows_K counts in: final ones [N, D], or the merger's [M, D]. Records the graph
// when grad mode is on.
at::Tensor forward(const model::Vlm& model, const MicroBatch& batch);

}  // namespace glmv::train
