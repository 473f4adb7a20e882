#include "glmv/model/glm_vlm.h"

#include "glmv/model/embedding.h"

namespace glmv::model {
namespace {

class TowerPass final : public VisionPass {
 public:
  TowerPass(const VisionTower& tower, const at::Tensor& patches, std::span<const Grid> grids)
      : tower_(tower), state_(tower.begin(patches, grids)) {}

  int64_t num_steps() const override { return std::ssize(tower_.blocks); }
  int64_t num_done() const override { return state_.num_blocks_done; }
  void step() override {
    tower_.run_block(state_);
    if (done()) rows_ = tower_.finish(state_);
  }
  at::Tensor rows() const override { return rows_; }

 private:
  const VisionTower& tower_;
  VisionTower::State state_;
  at::Tensor rows_;
};

}  // namespace

Result<std::unique_ptr<Vlm>> GlmVlm::load(tensor::WeightSource& source,
                                          tensor::WeightSource* mtp_source,
                                          const checkpoint::ModelConfig& config) {
  auto vlm = std::make_unique<GlmVlm>();
  vlm->config_ = config;
  GLMV_ASSIGN(vlm->vision_, load_vision(source, config.vision));
  const int64_t before = source.num_bytes();
  GLMV_ASSIGN(vlm->decoder_, load_decoder(source, config.text));
  if (config.text.tie_word_embeddings) {
    vlm->lm_head_ = quant::make_linear(source, "lm_head", vlm->decoder_.embed_tokens);
  } else {
    GLMV_ASSIGN(vlm->lm_head_, quant::load_linear(source, {.name = "lm_head",
                                                           .in = config.text.hidden_size,
                                                           .out = config.text.vocab_size}));
  }
  // Of the embeddings a token reads a row, of most experts nothing.
  vlm->bytes_per_token_ = source.num_bytes() - before;
  if (!config.text.tie_word_embeddings) {
    vlm->bytes_per_token_ -= static_cast<int64_t>(vlm->decoder_.embed_tokens.nbytes());
  }
  for (const DecoderLayer& layer : vlm->decoder_.layers) {
    if (const auto* moe = std::get_if<Moe>(&layer.mlp)) {
      const checkpoint::MoeConfig& c = moe->config;
      vlm->bytes_per_token_ -=
          moe->expert_bytes / c.num_experts * (c.num_experts - c.num_experts_per_tok);
    }
  }
  if (mtp_source != nullptr) {
    GLMV_ASSIGN(vlm->mtp_, load_mtp(*mtp_source, vlm->decoder_, vlm->lm_head_));
  }
  return vlm;
}

at::Tensor GlmVlm::encode_images(const at::Tensor& patches, std::span<const Grid> grids) const {
  return vision_.forward(patches, grids);
}

std::unique_ptr<VisionPass> GlmVlm::begin_images(const at::Tensor& patches,
                                                 std::span<const Grid> grids) const {
  return std::make_unique<TowerPass>(vision_, patches, grids);
}

at::Tensor GlmVlm::embed(const at::Tensor& input_ids, const at::Tensor& image_rows,
                         const at::Tensor& image_positions) const {
  return embed_with_images(decoder_.embed_tokens, input_ids, image_rows, image_positions);
}

at::Tensor GlmVlm::forward_text(const TextBatch& batch) const { return decoder_.forward(batch); }

at::Tensor GlmVlm::logits(const at::Tensor& hidden_KD) const { return lm_head_(hidden_KD); }

std::vector<NamedParameter> GlmVlm::parameters() const {
  std::vector<NamedParameter> out;
  vision_.collect(out);
  decoder_.collect(out);
  if (!config_.text.tie_word_embeddings) collect_linear(lm_head_, out);
  return out;
}

}  // namespace glmv::model
