#include "glmv/checkpoint/gguf_names.h"

#include <span>
#include <string_view>

namespace glmv::checkpoint {
namespace {

enum class Only { kBoth, kDense, kMoe };

struct NameRow {
  std::string_view from;
  std::string_view to;
  Only only = Only::kBoth;
};

constexpr NameRow kTop[] = {
    {"token_embd.", "model.language_model.embed_tokens."},
    {"output_norm.", "model.language_model.norm."},
    {"output.", "lm_head."},
    {"v.patch_embd.", "model.visual.patch_embed.proj."},
    {"v.norm_embd.", "model.visual.post_conv_layernorm."},
    {"v.position_embd.", "model.visual.embeddings.position_embedding."},
    {"v.post_ln.", "model.visual.post_layernorm."},
    {"mm.patch_merger.", "model.visual.downsample."},
    {"mm.model.fc.", "model.visual.merger.proj."},
    {"mm.post_norm.", "model.visual.merger.post_projection_norm."},
    {"mm.gate.", "model.visual.merger.gate_proj."},
    {"mm.up.", "model.visual.merger.up_proj."},
    {"mm.down.", "model.visual.merger.down_proj."},
};

// One name means two norms: the dense models have four in a layer, the others two.
constexpr NameRow kText[] = {
    {"attn_norm.", "input_layernorm."},
    {"attn_q.", "self_attn.q_proj."},
    {"attn_k.", "self_attn.k_proj."},
    {"attn_v.", "self_attn.v_proj."},
    {"attn_output.", "self_attn.o_proj."},
    {"post_attention_norm.", "post_self_attn_layernorm.", Only::kDense},
    {"post_attention_norm.", "post_attention_layernorm.", Only::kMoe},
    {"ffn_norm.", "post_attention_layernorm."},
    {"post_ffw_norm.", "post_mlp_layernorm."},
    {"ffn_up.", "mlp.gate_up_proj.", Only::kDense},
    {"ffn_up.", "mlp.up_proj.", Only::kMoe},
    {"ffn_gate.", "mlp.gate_proj."},
    {"ffn_down.", "mlp.down_proj."},
    {"ffn_gate_inp.", "mlp.gate."},
    {"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"},
    {"ffn_gate_exps.", "mlp.experts.*.gate_proj."},
    {"ffn_up_exps.", "mlp.experts.*.up_proj."},
    {"ffn_down_exps.", "mlp.experts.*.down_proj."},
    {"ffn_gate_shexp.", "mlp.shared_experts.gate_proj."},
    {"ffn_up_shexp.", "mlp.shared_experts.up_proj."},
    {"ffn_down_shexp.", "mlp.shared_experts.down_proj."},
};

constexpr NameRow kVision[] = {
    {"ln1.", "norm1."},
    {"ln2.", "norm2."},
    {"attn_qkv.", "attn.qkv."},
    {"attn_q.", "attn.q."},
    {"attn_k.", "attn.k."},
    {"attn_v.", "attn.v."},
    {"attn_q_norm.", "attn.q_norm."},
    {"attn_k_norm.", "attn.k_norm."},
    {"attn_out.", "attn.proj."},
    {"ffn_gate.", "mlp.gate_proj."},
    {"ffn_up.", "mlp.up_proj."},
    {"ffn_down.", "mlp.down_proj."},
};

std::string mapped(std::string_view name, std::span<const NameRow> rows, bool is_moe) {
  for (const NameRow& row : rows) {
    if (row.only == (is_moe ? Only::kDense : Only::kMoe)) continue;
    if (name.starts_with(row.from)) {
      return std::string(row.to) + std::string(name.substr(row.from.size()));
    }
  }
  return std::string(name);
}

struct LayerPrefix {
  std::string_view from;
  std::string_view to;
  std::span<const NameRow> rows;
};
constexpr LayerPrefix kLayers[] = {
    {"blk.", "model.language_model.layers.", kText},
    {"v.blk.", "model.visual.blocks.", kVision},
};

}  // namespace

std::string gguf_canonical_name(const std::string& name, bool is_moe) {
  for (const LayerPrefix& layer : kLayers) {
    if (!name.starts_with(layer.from)) continue;
    const size_t dot = name.find('.', layer.from.size());
    if (dot == std::string::npos) return name;
    const std::string number = name.substr(layer.from.size(), dot + 1 - layer.from.size());
    return std::string(layer.to) + number +
           mapped(std::string_view(name).substr(dot + 1), layer.rows, is_moe);
  }
  return mapped(name, kTop, is_moe);
}

}  // namespace glmv::checkpoint
