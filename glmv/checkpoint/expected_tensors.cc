// The tensors that each architecture must have.

#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {
namespace {

class SpecList {
 public:
  void add(std::string name, std::vector<int64_t> shape) {
    specs.push_back({.name = std::move(name), .shape = std::move(shape)});
  }
  void add_fp32(std::string name, std::vector<int64_t> shape) {
    specs.push_back({.name = std::move(name), .shape = std::move(shape), .fp32 = true});
  }
  // "<prefix>.weight" [out, in] and, if asked for, "<prefix>.bias" [out].
  void add_linear(const std::string& prefix, int64_t out, int64_t in, bool bias = false) {
    add(prefix + ".weight", {out, in});
    if (bias) add(prefix + ".bias", {out});
  }
  void add_gated_mlp(const std::string& prefix, int64_t inner, int64_t width, bool bias = false) {
    add_linear(prefix + "gate_proj", inner, width, bias);
    add_linear(prefix + "up_proj", inner, width, bias);
    add_linear(prefix + "down_proj", width, inner, bias);
  }

  std::vector<TensorSpec> specs;
};

void add_text_mlp(SpecList& list, const std::string& mlp, int64_t layer, const TextConfig& text) {
  const int64_t width = text.hidden_size;
  if (!text.moe) {
    list.add_linear(mlp + "gate_up_proj", 2 * text.intermediate_size, width);
    list.add_linear(mlp + "down_proj", width, text.intermediate_size);
    return;
  }
  const MoeConfig& moe = *text.moe;
  if (layer < moe.first_k_dense_replace) {
    list.add_gated_mlp(mlp, text.intermediate_size, width);
    return;
  }
  list.add_linear(mlp + "gate", moe.num_experts, width);
  list.add_fp32(mlp + "gate.e_score_correction_bias", {moe.num_experts});
  for (int64_t expert = 0; expert < moe.num_experts; ++expert) {
    list.add_gated_mlp(fmt::format("{}experts.{}.", mlp, expert), moe.moe_intermediate_size, width);
  }
  if (moe.num_shared_experts > 0) {
    list.add_gated_mlp(mlp + "shared_experts.", moe.moe_intermediate_size * moe.num_shared_experts,
                       width);
  }
}

void add_text(SpecList& list, const TextConfig& text) {
  const std::string prefix = "model.language_model.";
  const int64_t width = text.hidden_size;
  const int64_t query_width = text.num_attention_heads * text.head_dim;
  const int64_t kv_width = text.num_key_value_heads * text.head_dim;
  list.add(prefix + "embed_tokens.weight", {text.vocab_size, width});
  for (int64_t layer = 0; layer < text.num_hidden_layers; ++layer) {
    const std::string block = fmt::format("{}layers.{}.", prefix, layer);
    list.add(block + "input_layernorm.weight", {width});
    list.add_linear(block + "self_attn.q_proj", query_width, width, text.attention_bias);
    list.add_linear(block + "self_attn.k_proj", kv_width, width, text.attention_bias);
    list.add_linear(block + "self_attn.v_proj", kv_width, width, text.attention_bias);
    list.add_linear(block + "self_attn.o_proj", width, query_width);
    if (text.sandwich_norms) list.add(block + "post_self_attn_layernorm.weight", {width});
    list.add(block + "post_attention_layernorm.weight", {width});
    add_text_mlp(list, block + "mlp.", layer, text);
    if (text.sandwich_norms) list.add(block + "post_mlp_layernorm.weight", {width});
  }
  list.add(prefix + "norm.weight", {width});
  if (!text.tie_word_embeddings) list.add("lm_head.weight", {text.vocab_size, width});
}

void add_vision(SpecList& list, const VisionConfig& vision) {
  const std::string prefix = "model.visual.";
  const int64_t width = vision.hidden_size;
  const int64_t out = vision.out_hidden_size;
  list.add(prefix + "patch_embed.proj.weight",
           {width, vision.in_channels, vision.temporal_patch_size, vision.patch_size,
            vision.patch_size});
  list.add(prefix + "patch_embed.proj.bias", {width});
  if (vision.absolute_position) {
    const int64_t side = vision.image_size / vision.patch_size;
    list.add(prefix + "post_conv_layernorm.weight", {width});
    list.add(prefix + "embeddings.position_embedding.weight", {side * side, width});
  }
  for (int64_t layer = 0; layer < vision.depth; ++layer) {
    const std::string block = fmt::format("{}blocks.{}.", prefix, layer);
    list.add(block + "norm1.weight", {width});
    list.add_linear(block + "attn.qkv", 3 * width, width, vision.attention_bias);
    list.add_linear(block + "attn.proj", width, width, vision.attention_bias);
    if (vision.qk_norm) {
      list.add(block + "attn.q_norm.weight", {vision.head_dim});
      list.add(block + "attn.k_norm.weight", {vision.head_dim});
    }
    list.add(block + "norm2.weight", {width});
    list.add_gated_mlp(block + "mlp.", vision.block_intermediate_size, width,
                       vision.attention_bias);
  }
  list.add(prefix + "post_layernorm.weight", {width});
  list.add(prefix + "downsample.weight",
           {out, width, vision.spatial_merge_size, vision.spatial_merge_size});
  list.add(prefix + "downsample.bias", {out});
  list.add_linear(prefix + "merger.proj", out, out);
  list.add(prefix + "merger.post_projection_norm.weight", {out});
  list.add(prefix + "merger.post_projection_norm.bias", {out});
  list.add_gated_mlp(prefix + "merger.", vision.merger_intermediate_size, out);
}

}  // namespace

int64_t TensorSpec::num_elements() const {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  return elements;
}

std::vector<TensorSpec> expected_tensors(const ModelConfig& config) {
  SpecList list;
  add_text(list, config.text);
  add_vision(list, config.vision);
  return std::move(list.specs);
}

}  // namespace glmv::checkpoint
