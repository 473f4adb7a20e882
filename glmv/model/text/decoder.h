#pragma once
// The text decoder of all families: layers differ by data (norms, MoE, rope pairing), not by code.
// Source: transformers modeling_{glm4v,glm4v_moe,glm_ocr}.py.

#include <ATen/core/Tensor.h>

#include <variant>
#include <vector>

#include "glmv/checkpoint/hf_config.h"
#include "glmv/model/text/mlp.h"
#include "glmv/model/text/rope.h"
#include "glmv/model/vlm.h"
#include "glmv/quant/linear_method.h"

namespace glmv::model {

struct Attention {
  quant::Linear q_proj, k_proj, v_proj, o_proj;
};

struct DecoderLayer {
  std::string name;
  at::Tensor input_layernorm;
  Attention self_attn;
  at::Tensor post_self_attn_layernorm;  // sandwich norms only
  at::Tensor post_attention_layernorm;  // the norm before the MLP
  std::variant<Mlp, Moe> mlp;
  at::Tensor post_mlp_layernorm;  // sandwich norms only

  void collect(std::vector<NamedParameter>& out) const;
};

// Called after each half layer with a stage name ("attn", "mlp"); for golden tests.
using LayerProbe = std::function<void(int64_t layer, const char* stage, const at::Tensor&)>;

struct Decoder {
  checkpoint::TextConfig config;
  at::Tensor embed_tokens;  // [V, D]
  std::vector<DecoderLayer> layers;
  at::Tensor norm;

  // hidden [N, D] -> final-norm hidden of the outputs of every slice, [N, D] if all are wanted.
  at::Tensor forward(const TextBatch& batch, const LayerProbe& probe = {}) const;
  void collect(std::vector<NamedParameter>& out) const;
};

// x [N, D] -> [K, D] of one layer, whose keys and values lie in layer `index` of the caches.
// `outputs`: the K rows that are wanted, those of the slices; undefined: all. No rows come back
// where none are wanted.
at::Tensor run_layer(const checkpoint::TextConfig& config, const DecoderLayer& layer, at::Tensor x,
                     const RopeTable& rope, const std::vector<SequenceSlice>& sequences,
                     const at::Tensor& outputs, int64_t index, const LayerProbe& probe = {});

Result<DecoderLayer> load_layer(tensor::WeightSource& source, const checkpoint::TextConfig& config,
                                int64_t index);
Result<Decoder> load_decoder(tensor::WeightSource& source, const checkpoint::TextConfig& config);

}  // namespace glmv::model
