#include "glmv/model/text/decoder.h"

#include <fmt/format.h>

#include <cmath>

#include "glmv/base/check.h"
#include "glmv/model/text/attention.h"
#include "glmv/tensor/ops.h"

namespace glmv::model {
namespace {

constexpr char kPrefix[] = "model.language_model.";

at::Tensor select(const at::Tensor& t, const at::Tensor& rows) {
  return rows.defined() ? t.index_select(0, rows) : t;
}

// `outputs`: the rows of x whose result is wanted; undefined for all.
at::Tensor self_attention(const checkpoint::TextConfig& config, const Attention& attention,
                          const at::Tensor& x, const RopeTable& rope,
                          const std::vector<SequenceSlice>& sequences, const at::Tensor& outputs,
                          int64_t layer) {
  const auto heads = [&](const at::Tensor& y, int64_t count) {
    return y.view({y.size(0), count, config.head_dim});
  };
  const auto wanted = [&](const at::Tensor& t) { return select(t, outputs); };
  const at::Tensor k = tensor::apply_rope(heads(attention.k_proj(x), config.num_key_value_heads),
                                          rope.cos, rope.sin, config.rope.interleaved);
  const at::Tensor v = heads(attention.v_proj(x), config.num_key_value_heads);
  const int64_t q_heads = config.num_attention_heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(config.head_dim));
  if (outputs.defined() && outputs.numel() == 0) {  // keys and values only
    model::attend(k.new_empty({0, q_heads, config.head_dim}), k, v, sequences, layer, scale);
    return x.narrow(0, 0, 0);
  }
  const at::Tensor q =
      tensor::apply_rope(heads(attention.q_proj(wanted(x)), q_heads), wanted(rope.cos),
                         wanted(rope.sin), config.rope.interleaved);
  const at::Tensor out = model::attend(q, k, v, sequences, layer, scale);
  return attention.o_proj(out.reshape({q.size(0), q_heads * config.head_dim}));
}

// The slices of the layers below the last, of which every row is wanted.
std::vector<SequenceSlice> all_outputs(std::vector<SequenceSlice> sequences) {
  for (SequenceSlice& slice : sequences) slice.num_outputs = slice.num_tokens;
  return sequences;
}

// Undefined if they are all rows.
at::Tensor output_rows(const std::vector<SequenceSlice>& sequences, at::Device device) {
  std::vector<int64_t> rows;
  int64_t end = 0;
  bool all = true;
  for (const SequenceSlice& slice : sequences) {
    GLMV_CHECK(slice.num_outputs >= 0 && slice.num_outputs <= slice.num_tokens,
               "{} outputs of {} tokens", slice.num_outputs, slice.num_tokens);
    if (slice.num_outputs < slice.num_tokens) all = false;
  }
  if (all) return {};
  for (const SequenceSlice& slice : sequences) {
    end += slice.num_tokens;
    for (int64_t row = end - slice.num_outputs; row < end; ++row) rows.push_back(row);
  }
  return at::tensor(at::ArrayRef<int64_t>(rows), at::kLong).to(device);
}

}  // namespace

at::Tensor run_layer(const checkpoint::TextConfig& config, const DecoderLayer& layer, at::Tensor x,
                     const RopeTable& rope, const std::vector<SequenceSlice>& sequences,
                     const at::Tensor& outputs, int64_t index, const LayerProbe& probe) {
  const double eps = config.rms_norm_eps;
  at::Tensor y =
      self_attention(config, layer.self_attn, tensor::rms_norm(x, layer.input_layernorm, eps), rope,
                     sequences, outputs, index);
  x = select(x, outputs);
  if (x.size(0) == 0) return x;
  if (layer.post_self_attn_layernorm.defined()) {
    y = tensor::rms_norm(y, layer.post_self_attn_layernorm, eps);
  }
  x = x + y;
  if (probe) probe(index, "attn", x);
  y = tensor::rms_norm(x, layer.post_attention_layernorm, eps);
  y = std::visit([&](const auto& mlp) { return mlp(y); }, layer.mlp);
  if (layer.post_mlp_layernorm.defined()) y = tensor::rms_norm(y, layer.post_mlp_layernorm, eps);
  x = x + y;
  if (probe) probe(index, "mlp", x);
  return x;
}

at::Tensor Decoder::forward(const TextBatch& batch, const LayerProbe& probe) const {
  at::Tensor x = batch.hidden_ND;
  const RopeTable rope = text_rope(config.rope, batch.position_ids_3N, x.scalar_type());
  const double eps = config.rms_norm_eps;
  for (const SequenceSlice& slice : batch.sequences) {
    GLMV_CHECK(slice.cache == nullptr || slice.cache->reserve(slice.num_tokens),
               "no block is left for {} tokens", slice.num_tokens);
  }
  const at::Tensor outputs = output_rows(batch.sequences, x.device());
  const std::vector<SequenceSlice> every = all_outputs(batch.sequences);
  for (size_t i = 0; i < layers.size(); ++i) {
    // Nothing reads what the last layer makes of other rows, except its keys and values.
    const bool last = i + 1 == layers.size();
    x = run_layer(config, layers[i], x, rope, last ? batch.sequences : every,
                  last ? outputs : at::Tensor(), static_cast<int64_t>(i), probe);
  }
  for (const SequenceSlice& slice : batch.sequences) {
    if (slice.cache != nullptr) slice.cache->advance(slice.num_tokens);
  }
  return x.size(0) == 0 ? x : tensor::rms_norm(x, norm, eps);
}

void DecoderLayer::collect(std::vector<NamedParameter>& out) const {
  const auto add = [&](const char* suffix, const at::Tensor& tensor) {
    if (tensor.defined()) out.push_back({name + suffix, tensor});
  };
  add(".input_layernorm.weight", input_layernorm);
  for (const quant::Linear* linear :
       {&self_attn.q_proj, &self_attn.k_proj, &self_attn.v_proj, &self_attn.o_proj}) {
    collect_linear(*linear, out);
  }
  add(".post_self_attn_layernorm.weight", post_self_attn_layernorm);
  add(".post_attention_layernorm.weight", post_attention_layernorm);
  std::visit([&](const auto& part) { part.collect(out); }, mlp);
  add(".post_mlp_layernorm.weight", post_mlp_layernorm);
}

void Decoder::collect(std::vector<NamedParameter>& out) const {
  out.push_back({fmt::format("{}embed_tokens.weight", kPrefix), embed_tokens});
  for (const DecoderLayer& layer : layers) layer.collect(out);
  out.push_back({fmt::format("{}norm.weight", kPrefix), norm});
}

Result<DecoderLayer> load_layer(tensor::WeightSource& source, const checkpoint::TextConfig& config,
                                int64_t index) {
  const int64_t d = config.hidden_size;
  const int64_t q_width = config.num_attention_heads * config.head_dim;
  const int64_t kv_width = config.num_key_value_heads * config.head_dim;
  DecoderLayer layer;
  layer.name = fmt::format("{}layers.{}", kPrefix, index);
  const std::string attn = layer.name + ".self_attn.";
  GLMV_ASSIGN(layer.input_layernorm, source.take(layer.name + ".input_layernorm.weight", {d}));
  const bool bias = config.attention_bias;
  GLMV_ASSIGN(
      layer.self_attn.q_proj,
      quant::load_linear(source, {.name = attn + "q_proj", .in = d, .out = q_width, .bias = bias}));
  GLMV_ASSIGN(layer.self_attn.k_proj,
              quant::load_linear(
                  source, {.name = attn + "k_proj", .in = d, .out = kv_width, .bias = bias}));
  GLMV_ASSIGN(layer.self_attn.v_proj,
              quant::load_linear(
                  source, {.name = attn + "v_proj", .in = d, .out = kv_width, .bias = bias}));
  GLMV_ASSIGN(layer.self_attn.o_proj,
              quant::load_linear(source, {.name = attn + "o_proj", .in = q_width, .out = d}));
  GLMV_ASSIGN(layer.post_attention_layernorm,
              source.take(layer.name + ".post_attention_layernorm.weight", {d}));
  if (config.sandwich_norms) {
    GLMV_ASSIGN(layer.post_self_attn_layernorm,
                source.take(layer.name + ".post_self_attn_layernorm.weight", {d}));
    GLMV_ASSIGN(layer.post_mlp_layernorm,
                source.take(layer.name + ".post_mlp_layernorm.weight", {d}));
  }
  const std::string mlp = layer.name + ".mlp";
  if (config.moe && index >= config.moe->first_k_dense_replace) {
    GLMV_ASSIGN(layer.mlp, load_moe(source, mlp, config));
  } else {
    GLMV_ASSIGN(layer.mlp,
                load_mlp(source, mlp, d, config.intermediate_size, !config.moe.has_value()));
  }
  return layer;
}

Result<Decoder> load_decoder(tensor::WeightSource& source, const checkpoint::TextConfig& config) {
  Decoder decoder;
  decoder.config = config;
  const int64_t d = config.hidden_size;
  GLMV_ASSIGN(decoder.embed_tokens,
              source.take(fmt::format("{}embed_tokens.weight", kPrefix), {config.vocab_size, d}));
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    GLMV_ASSIGN(DecoderLayer layer, load_layer(source, config, i));
    decoder.layers.push_back(std::move(layer));
  }
  GLMV_ASSIGN(decoder.norm, source.take(fmt::format("{}norm.weight", kPrefix), {d}));
  return decoder;
}

}  // namespace glmv::model
