#pragma once
// Vision tower, downsampling convolution and merger of all families.

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <vector>

#include "glmv/model/text/mlp.h"
#include "glmv/model/text/rope.h"
#include "glmv/model/vlm.h"

namespace glmv::model {

struct VisionBlock {
  std::string name;
  at::Tensor norm1, norm2;
  quant::Linear qkv, proj;
  at::Tensor q_norm, k_norm;  // glm_ocr only
  Mlp mlp;
};

// Called with a stage name and its output ("patch_embed", "pos_emb", "block.0", "post_layernorm",
// "downsample", "merger"); for golden tests.
using VisionProbe = std::function<void(const std::string& stage, const at::Tensor&)>;

struct VisionTower {
  checkpoint::VisionConfig config;
  at::Tensor patch_weight, patch_bias;  // [h, C, T, p, p], [h]
  at::Tensor post_conv_layernorm;       // absolute positions only
  at::Tensor position_embedding;        // [n * n, h]
  std::vector<VisionBlock> blocks;
  at::Tensor post_layernorm;
  at::Tensor downsample_weight, downsample_bias;  // [o, h, m, m], [o]
  at::Tensor downsample_rows;  // the weight as [o, m * m * h]; undefined where it may be trained
  quant::Linear merger_proj;
  at::Tensor merger_norm_weight, merger_norm_bias;
  Mlp merger_mlp;

  // patches [P, patch_dim] fp32 -> [P / merge^2, out_hidden_size].
  at::Tensor forward(const at::Tensor& patches, std::span<const Grid> grids,
                     const VisionProbe& probe = {}) const;

  // The same in steps: begin, every block, finish.
  struct State {
    at::Tensor x;  // [P, h]
    RopeTable rope;
    std::vector<int64_t> lengths;  // of what attention stays inside
    int64_t num_blocks_done = 0;
  };
  State begin(const at::Tensor& patches, std::span<const Grid> grids,
              const VisionProbe& probe = {}) const;
  void run_block(State& state, const VisionProbe& probe = {}) const;
  at::Tensor finish(const State& state, const VisionProbe& probe = {}) const;

  void collect(std::vector<NamedParameter>& out) const;
};

Result<VisionTower> load_vision(tensor::WeightSource& source,
                                const checkpoint::VisionConfig& config);

}  // namespace glmv::model
