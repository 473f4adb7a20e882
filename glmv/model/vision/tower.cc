#include "glmv/model/vision/tower.h"

#include <cmath>

#include "glmv/base/check.h"
#include "glmv/model/vision/geometry.h"
#include "glmv/tensor/ops.h"

namespace glmv::model {
namespace {

// Fixed in the reference's merger, independent of rms_norm_eps.
constexpr double kMergerLayerNormEps = 1e-5;

void show(const VisionProbe& probe, const std::string& stage, const at::Tensor& x) {
  if (probe) probe(stage, x);
}

// [o, h, m, m] -> [o, m * m * h].
at::Tensor rows_of_convolution(const at::Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).flatten(1);
}

at::Tensor attend(const checkpoint::VisionConfig& config, const VisionBlock& block,
                  const at::Tensor& x, const RopeTable& rope, std::span<const int64_t> lengths) {
  const int64_t rows = x.size(0);
  const std::vector<at::Tensor> qkv =
      block.qkv(x).view({rows, 3, config.num_heads, config.head_dim}).unbind(1);
  at::Tensor q = qkv[0];  // [P, heads, head_dim]
  at::Tensor k = qkv[1];
  const at::Tensor& v = qkv[2];
  if (block.q_norm.defined()) {
    q = tensor::rms_norm(q, block.q_norm, config.rms_norm_eps);
    k = tensor::rms_norm(k, block.k_norm, config.rms_norm_eps);
  }
  q = tensor::apply_rope(q, rope.cos, rope.sin, false);
  k = tensor::apply_rope(k, rope.cos, rope.sin, false);
  const double scale = 1.0 / std::sqrt(static_cast<double>(config.head_dim));
  const at::Tensor out = tensor::attention_runs(q, k, v.contiguous(), lengths, false, scale);
  return block.proj(out.reshape({rows, config.hidden_size}));
}

}  // namespace

at::Tensor VisionTower::forward(const at::Tensor& patches, std::span<const Grid> grids,
                                const VisionProbe& probe) const {
  State state = begin(patches, grids, probe);
  while (state.num_blocks_done < std::ssize(blocks)) run_block(state, probe);
  return finish(state, probe);
}

VisionTower::State VisionTower::begin(const at::Tensor& patches, std::span<const Grid> grids,
                                      const VisionProbe& probe) const {
  const int64_t merge = config.spatial_merge_size;
  const at::ScalarType dtype = patch_weight.scalar_type();
  const at::Device device = patch_weight.device();
  State state;
  state.x = tensor::linear(patches.to(device, dtype), patch_weight.flatten(1), patch_bias);
  show(probe, "patch_embed", state.x);
  if (config.absolute_position) {
    state.x = tensor::rms_norm(state.x, post_conv_layernorm, config.rms_norm_eps);
    const at::Tensor positions = interpolate_positions(position_embedding, grids, merge);
    show(probe, "pos_emb", positions);
    state.x = state.x + positions.to(dtype);
  }
  state.rope = vision_rope(config.head_dim, patch_coordinates(grids, merge).to(device));
  // Attention stays inside one temporal slice.
  for (const Grid& grid : grids) state.lengths.insert(state.lengths.end(), grid.t, grid.h * grid.w);
  return state;
}

void VisionTower::run_block(State& state, const VisionProbe& probe) const {
  const double eps = config.rms_norm_eps;
  const VisionBlock& block = blocks.at(state.num_blocks_done);
  at::Tensor& x = state.x;
  x = x + attend(config, block, tensor::rms_norm(x, block.norm1, eps), state.rope, state.lengths);
  x = x + block.mlp(tensor::rms_norm(x, block.norm2, eps));
  show(probe, "block." + std::to_string(state.num_blocks_done), x);
  ++state.num_blocks_done;
}

at::Tensor VisionTower::finish(const State& state, const VisionProbe& probe) const {
  const int64_t merge = config.spatial_merge_size;
  at::Tensor x = tensor::rms_norm(state.x, post_layernorm, config.rms_norm_eps);
  show(probe, "post_layernorm", x);

  // Convolution with kernel = stride = merge: four consecutive rows are one input vector (a, b,
  // channel).
  const at::Tensor weight =
      downsample_rows.defined() ? downsample_rows : rows_of_convolution(downsample_weight);
  x = tensor::linear(x.view({-1, merge * merge * config.hidden_size}), weight, downsample_bias);
  show(probe, "downsample", x);
  x = merger_proj(x);
  x = at::gelu(at::layer_norm(x, {config.out_hidden_size}, merger_norm_weight, merger_norm_bias,
                              kMergerLayerNormEps));
  x = merger_mlp(x);
  show(probe, "merger", x);
  return x;
}

void VisionTower::collect(std::vector<NamedParameter>& out) const {
  const std::string p = "model.visual.";
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) out.push_back({name, tensor});
  };
  add(p + "patch_embed.proj.weight", patch_weight);
  add(p + "patch_embed.proj.bias", patch_bias);
  add(p + "post_conv_layernorm.weight", post_conv_layernorm);
  add(p + "embeddings.position_embedding.weight", position_embedding);
  for (const VisionBlock& block : blocks) {
    add(block.name + ".norm1.weight", block.norm1);
    collect_linear(block.qkv, out);
    add(block.name + ".attn.q_norm.weight", block.q_norm);
    add(block.name + ".attn.k_norm.weight", block.k_norm);
    collect_linear(block.proj, out);
    add(block.name + ".norm2.weight", block.norm2);
    block.mlp.collect(out);
  }
  add(p + "post_layernorm.weight", post_layernorm);
  add(p + "downsample.weight", downsample_weight);
  add(p + "downsample.bias", downsample_bias);
  collect_linear(merger_proj, out);
  add(p + "merger.post_projection_norm.weight", merger_norm_weight);
  add(p + "merger.post_projection_norm.bias", merger_norm_bias);
  merger_mlp.collect(out);
}

Result<VisionTower> load_vision(tensor::WeightSource& source,
                                const checkpoint::VisionConfig& config) {
  VisionTower tower;
  tower.config = config;
  const std::string p = "model.visual.";
  const int64_t h = config.hidden_size;
  const int64_t o = config.out_hidden_size;
  const int64_t merge = config.spatial_merge_size;
  const bool bias = config.attention_bias;
  GLMV_ASSIGN(tower.patch_weight, source.take(p + "patch_embed.proj.weight",
                                              {h, config.in_channels, config.temporal_patch_size,
                                               config.patch_size, config.patch_size}));
  GLMV_ASSIGN(tower.patch_bias, source.take(p + "patch_embed.proj.bias", {h}));
  if (config.absolute_position) {
    const int64_t side = config.image_size / config.patch_size;
    GLMV_ASSIGN(tower.post_conv_layernorm, source.take(p + "post_conv_layernorm.weight", {h}));
    GLMV_ASSIGN(tower.position_embedding,
                source.take(p + "embeddings.position_embedding.weight", {side * side, h}));
  }
  for (int64_t i = 0; i < config.depth; ++i) {
    VisionBlock block;
    block.name = p + "blocks." + std::to_string(i);
    const std::string attn = block.name + ".attn.";
    GLMV_ASSIGN(block.norm1, source.take(block.name + ".norm1.weight", {h}));
    GLMV_ASSIGN(block.norm2, source.take(block.name + ".norm2.weight", {h}));
    GLMV_ASSIGN(block.qkv,
                quant::load_linear(source, {.name = attn + "qkv",
                                            .in = h,
                                            .out = 3 * h,
                                            .bias = bias,
                                            .pieces = {attn + "q", attn + "k", attn + "v"},
                                            .piece_rows = {h, h, h}}));
    GLMV_ASSIGN(block.proj, quant::load_linear(
                                source, {.name = attn + "proj", .in = h, .out = h, .bias = bias}));
    if (config.qk_norm) {
      GLMV_ASSIGN(block.q_norm, source.take(attn + "q_norm.weight", {config.head_dim}));
      GLMV_ASSIGN(block.k_norm, source.take(attn + "k_norm.weight", {config.head_dim}));
    }
    GLMV_ASSIGN(block.mlp, load_mlp(source, block.name + ".mlp", h, config.block_intermediate_size,
                                    false, bias));
    tower.blocks.push_back(std::move(block));
  }
  GLMV_ASSIGN(tower.post_layernorm, source.take(p + "post_layernorm.weight", {h}));
  GLMV_ASSIGN(tower.downsample_weight, source.take(p + "downsample.weight", {o, h, merge, merge}));
  GLMV_ASSIGN(tower.downsample_bias, source.take(p + "downsample.bias", {o}));
  if (!source.options().own_memory) {
    tower.downsample_rows = rows_of_convolution(tower.downsample_weight);
  }
  GLMV_ASSIGN(tower.merger_proj,
              quant::load_linear(source, {.name = p + "merger.proj", .in = o, .out = o}));
  GLMV_ASSIGN(tower.merger_norm_weight, source.take(p + "merger.post_projection_norm.weight", {o}));
  GLMV_ASSIGN(tower.merger_norm_bias, source.take(p + "merger.post_projection_norm.bias", {o}));
  GLMV_ASSIGN(tower.merger_mlp,
              load_mlp(source, p + "merger", o, config.merger_intermediate_size, false));
  return tower;
}

}  // namespace glmv::model
