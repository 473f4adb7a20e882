#pragma once
// The layer behind the last that predicts one token more (multi-token prediction), as GLM-OCR and
// the GLM-4.5 family may carry it: a cheap source of guesses for speculation. It never decides.
//
//   x_j = eh_proj([enorm(embed(t_j)), hnorm(h_(j-1))]),  h'_j = norm(layer(x_j)),  logits =
//   head(h'_j)
//
// t_j is the token at place j, h_(j-1) the final-norm hidden state of the token before it, h'_j
// stands for h_j where further tokens are guessed; the logits are of t_(j+1). The layer attends to
// its own keys and values at all places up to j. Where h_(j-1) is not at hand (at the first token
// and behind a prefix from the cache) zeros take its place. Source: Glm4MoeMTP and GlmOcrMTP of
// vLLM, the MTP graph of llama.cpp's glm4-moe, whose places these are.

#include <ATen/core/Tensor.h>

#include "glmv/model/text/decoder.h"

namespace glmv::model {

struct MtpLayer {
  checkpoint::TextConfig config;
  at::Tensor embed_tokens;  // [V, D], the model's where there is none of its own
  at::Tensor enorm, hnorm;
  quant::Linear eh_proj;
  DecoderLayer layer;
  at::Tensor norm;
  quant::Linear head;

  // Embeddings [N, D] of tokens, image_rows at image_positions as in Vlm::embed.
  at::Tensor embed(const at::Tensor& input_ids, const at::Tensor& image_rows = {},
                   const at::Tensor& image_positions = {}) const;
  // h' [N, D] of the tokens at places [place, place + N) of a cache with room for them; their keys
  // and values lie in its layer num_hidden_layers. Places behind the cache's length may be written
  // again.
  at::Tensor forward(const at::Tensor& embedded_ND, const at::Tensor& previous_ND,
                     const at::Tensor& position_ids_3N, KvCache& cache, int64_t place) const;
  at::Tensor logits(const at::Tensor& hidden_KD) const { return head(hidden_KD); }
};

// The config with that layer counted, where there is one: so many layers have keys and values.
checkpoint::TextConfig cached_layers(checkpoint::TextConfig config, const MtpLayer* mtp);

// From the layer num_hidden_layers of a checkpoint; embedding and head are shared where it has
// none.
Result<MtpLayer> load_mtp(tensor::WeightSource& source, const Decoder& decoder,
                          const quant::Linear& lm_head);

}  // namespace glmv::model
