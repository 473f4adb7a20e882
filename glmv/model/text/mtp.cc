#include "glmv/model/text/mtp.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "glmv/model/embedding.h"
#include "glmv/tensor/ops.h"

namespace glmv::model {

at::Tensor MtpLayer::embed(const at::Tensor& input_ids, const at::Tensor& image_rows,
                           const at::Tensor& image_positions) const {
  return embed_with_images(embed_tokens, input_ids, image_rows, image_positions);
}

at::Tensor MtpLayer::forward(const at::Tensor& embedded_ND, const at::Tensor& previous_ND,
                             const at::Tensor& position_ids_3N, KvCache& cache,
                             int64_t place) const {
  const double eps = config.rms_norm_eps;
  const at::Tensor x = eh_proj(at::cat(
      {tensor::rms_norm(embedded_ND, enorm, eps), tensor::rms_norm(previous_ND, hnorm, eps)}, -1));
  const std::vector<SequenceSlice> slice = {
      {.num_tokens = x.size(0), .cache = &cache, .first_place = place}};
  const RopeTable rope = text_rope(config.rope, position_ids_3N, x.scalar_type());
  const at::Tensor hidden = run_layer(config, layer, x, rope, slice, {}, config.num_hidden_layers);
  return tensor::rms_norm(hidden, norm, eps);
}

checkpoint::TextConfig cached_layers(checkpoint::TextConfig config, const MtpLayer* mtp) {
  config.num_hidden_layers += mtp != nullptr ? 1 : 0;
  return config;
}

Result<MtpLayer> load_mtp(tensor::WeightSource& source, const Decoder& decoder,
                          const quant::Linear& lm_head) {
  MtpLayer mtp;
  mtp.config = decoder.config;
  const int64_t d = mtp.config.hidden_size, vocab = mtp.config.vocab_size;
  const int64_t index = mtp.config.num_hidden_layers;
  const std::string name = fmt::format("model.language_model.layers.{}.", index);
  mtp.embed_tokens = decoder.embed_tokens;
  if (source.has(name + "embed_tokens.weight")) {
    GLMV_ASSIGN(mtp.embed_tokens, source.take(name + "embed_tokens.weight", {vocab, d}));
  }
  GLMV_ASSIGN(mtp.enorm, source.take(name + "enorm.weight", {d}));
  GLMV_ASSIGN(mtp.hnorm, source.take(name + "hnorm.weight", {d}));
  GLMV_ASSIGN(mtp.eh_proj,
              quant::load_linear(source, {.name = name + "eh_proj", .in = 2 * d, .out = d}));
  GLMV_ASSIGN(mtp.layer, load_layer(source, mtp.config, index));
  GLMV_ASSIGN(mtp.norm, source.take(name + "shared_head.norm.weight", {d}));
  mtp.head = lm_head;
  if (source.has(name + "shared_head.head.weight")) {
    GLMV_ASSIGN(mtp.head, quant::load_linear(
                              source, {.name = name + "shared_head.head", .in = d, .out = vocab}));
  }
  return mtp;
}

}  // namespace glmv::model
