#include "glmv/train/micro_batch.h"

#include <ATen/ATen.h>

#include <cstring>

#include "glmv/base/check.h"

namespace glmv::train {
namespace {

at::Tensor to_tensor(const std::vector<int64_t>& values, at::Device device) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::memcpy(tensor.data_ptr(), values.data(), values.size() * sizeof(int64_t));
  return tensor.to(device);
}

// Patch rows of all media end to end [P, patch_dim].
at::Tensor join_patches(std::span<const EncodedSample* const> samples, int64_t num_patches) {
  int64_t num_values = 0;
  for (const EncodedSample* sample : samples) {
    for (const processing::Medium& medium : sample->input.media) {
      num_values += static_cast<int64_t>(medium.patches.size());
    }
  }
  at::Tensor patches = at::empty({num_patches, num_values / num_patches}, at::kFloat);
  GLMV_CHECK(patches.numel() == num_values);
  float* out = patches.mutable_data_ptr<float>();
  for (const EncodedSample* sample : samples) {
    for (const processing::Medium& medium : sample->input.media) {
      std::memcpy(out, medium.patches.data(), medium.patches.size() * sizeof(float));
      out += medium.patches.size();
    }
  }
  return patches;
}

}  // namespace

MicroBatch make_micro_batch(std::span<const EncodedSample* const> samples, at::Device device) {
  MicroBatch batch;
  std::vector<int64_t> ids, image_positions, rows, targets;
  std::array<std::vector<int64_t>, 3> positions;
  int64_t num_patches = 0;
  for (const EncodedSample* sample : samples) {
    const processing::ModelInput& input = sample->input;
    const auto begin = static_cast<int64_t>(ids.size());
    const auto length = static_cast<int64_t>(input.input_ids.size());
    batch.sequences.push_back({.num_tokens = length});
    ids.insert(ids.end(), input.input_ids.begin(), input.input_ids.end());
    for (size_t axis = 0; axis < positions.size(); ++axis) {
      positions[axis].insert(positions[axis].end(), input.position_ids[axis].begin(),
                             input.position_ids[axis].end());
    }
    for (const EncodedSample::VisualTarget& target : sample->visual_targets) {
      rows.push_back(static_cast<int64_t>(image_positions.size()) + target.row);
      targets.push_back(target.token);
      batch.from_visual_rows = true;
    }
    for (int64_t i = 0; i < length; ++i) {
      if (input.mm_token_types[i] != 0) image_positions.push_back(begin + i);
      if (sample->targets[i] == kIgnore) continue;
      rows.push_back(begin + i);
      targets.push_back(sample->targets[i]);
    }
    for (const processing::Medium& medium : input.media) {
      batch.grids.push_back(medium.grid);
      num_patches += medium.grid.num_patches();
    }
  }
  batch.input_ids_N = to_tensor(ids, device);
  batch.position_ids_3N =
      at::stack({to_tensor(positions[0], device), to_tensor(positions[1], device),
                 to_tensor(positions[2], device)});
  batch.rows_K = to_tensor(rows, device);
  batch.targets_K = to_tensor(targets, device);
  if (num_patches > 0) {
    batch.patches = join_patches(samples, num_patches).to(device);
    batch.image_positions_M = to_tensor(image_positions, device);
  }
  return batch;
}

at::Tensor forward(const model::Vlm& model, const MicroBatch& batch) {
  at::Tensor image_rows;
  if (batch.patches.defined()) image_rows = model.encode_images(batch.patches, batch.grids);
  if (batch.from_visual_rows) return image_rows;
  model::TextBatch text;
  text.hidden_ND = model.embed(batch.input_ids_N, image_rows, batch.image_positions_M);
  text.position_ids_3N = batch.position_ids_3N;
  text.sequences = batch.sequences;
  return model.forward_text(text);
}

}  // namespace glmv::train
