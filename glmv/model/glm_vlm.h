#pragma once
// The Vlm of all GLM-V families: one vision tower, one decoder, one head. What differs between
// families is in their configs.

#include "glmv/model/text/decoder.h"
#include "glmv/model/text/mtp.h"
#include "glmv/model/vision/tower.h"
#include "glmv/model/vlm.h"

namespace glmv::model {

class GlmVlm final : public Vlm {
 public:
  GlmVlm() = default;
  // `mtp_source`: the tensors of the layer behind the last; null without.
  static Result<std::unique_ptr<Vlm>> load(tensor::WeightSource& source,
                                           tensor::WeightSource* mtp_source,
                                           const checkpoint::ModelConfig& config);

  const checkpoint::ModelConfig& config() const override { return config_; }
  at::ScalarType dtype() const override { return decoder_.embed_tokens.scalar_type(); }
  at::Device device() const override { return decoder_.embed_tokens.device(); }

  at::Tensor encode_images(const at::Tensor& patches, std::span<const Grid> grids) const override;
  std::unique_ptr<VisionPass> begin_images(const at::Tensor& patches,
                                           std::span<const Grid> grids) const override;
  at::Tensor embed(const at::Tensor& input_ids, const at::Tensor& image_rows,
                   const at::Tensor& image_positions) const override;
  at::Tensor forward_text(const TextBatch& batch) const override;
  at::Tensor logits(const at::Tensor& hidden_KD) const override;
  const MtpLayer* mtp() const override { return mtp_ ? &*mtp_ : nullptr; }
  int64_t bytes_per_token() const override { return bytes_per_token_; }
  std::vector<NamedParameter> parameters() const override;

  // The parts, for golden tests.
  const VisionTower& vision() const { return vision_; }
  const Decoder& decoder() const { return decoder_; }

 private:
  checkpoint::ModelConfig config_;
  VisionTower vision_;
  Decoder decoder_;
  quant::Linear lm_head_;
  std::optional<MtpLayer> mtp_;
  int64_t bytes_per_token_ = 0;
};

}  // namespace glmv::model
