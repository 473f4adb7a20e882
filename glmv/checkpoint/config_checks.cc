#include "glmv/checkpoint/config_checks.h"

#include <numeric>

namespace glmv::checkpoint {
namespace {

// Far above any release (46 * 128); keeps the tensor list of a hostile config in memory.
constexpr int64_t kMaxExpertsOfAllLayers = int64_t{1} << 18;

Result<void> require_multiple(std::string_view key, int64_t value, std::string_view divisor_key,
                              int64_t divisor) {
  if (value % divisor == 0) return {};
  return invalid_argument("{} is {}, not a multiple of {} ({})", key, value, divisor_key, divisor);
}

Result<void> require_at_most(std::string_view key, int64_t value, std::string_view limit_key,
                             int64_t limit) {
  if (value <= limit) return {};
  return invalid_argument("{} is {}, more than {} ({})", key, value, limit_key, limit);
}

Result<void> check_rope(const TextConfig& text) {
  const RopeConfig& rope = text.rope;
  if (rope.rotary_dim < 2 || rope.rotary_dim % 2 != 0) {
    return invalid_argument(
        "text_config.rope_parameters.partial_rotary_factor {} of head_dim {} gives {} rotary "
        "dimensions, expected an even number of at least 2",
        rope.partial_rotary_factor, text.head_dim, rope.rotary_dim);
  }
  const int64_t sum =
      std::accumulate(rope.mrope_section.begin(), rope.mrope_section.end(), int64_t{0});
  if (sum != rope.rotary_dim / 2) {
    return invalid_argument(
        "text_config.rope_parameters.mrope_section [{}] sums to {}, but rotary_dim / 2 is {} "
        "(head_dim {} * partial_rotary_factor {} / 2)",
        fmt::join(rope.mrope_section, ", "), sum, rope.rotary_dim / 2, text.head_dim,
        rope.partial_rotary_factor);
  }
  return {};
}

Result<void> check_moe(const TextConfig& text) {
  const MoeConfig& moe = *text.moe;
  GLMV_RETURN_IF_ERROR(require_at_most("text_config.num_experts_per_tok", moe.num_experts_per_tok,
                                       "text_config.n_routed_experts", moe.num_experts));
  GLMV_RETURN_IF_ERROR(require_multiple("text_config.n_routed_experts", moe.num_experts,
                                        "text_config.n_group", moe.n_group));
  GLMV_RETURN_IF_ERROR(require_at_most("text_config.topk_group", moe.topk_group,
                                       "text_config.n_group", moe.n_group));
  if (moe.num_experts * text.num_hidden_layers > kMaxExpertsOfAllLayers) {
    return invalid_argument(
        "text_config.n_routed_experts {} in each of text_config.num_hidden_layers {} layers is "
        "more than {} experts",
        moe.num_experts, text.num_hidden_layers, kMaxExpertsOfAllLayers);
  }
  const int64_t per_group = moe.num_experts / moe.n_group;
  if (moe.n_group > 1 && per_group < 2) {
    return invalid_argument(
        "text_config.n_group is {} for {} experts, but a group score needs 2 experts per group",
        moe.n_group, moe.num_experts);
  }
  return require_at_most("text_config.num_experts_per_tok", moe.num_experts_per_tok,
                         "the experts of text_config.topk_group groups",
                         per_group * moe.topk_group);
}

Result<void> check_vision(const VisionConfig& vision, const TextConfig& text) {
  GLMV_RETURN_IF_ERROR(require_multiple("vision_config.hidden_size", vision.hidden_size,
                                        "vision_config.num_heads", vision.num_heads));
  if (vision.head_dim % 4 != 0) {
    return invalid_argument(
        "vision_config.hidden_size {} / num_heads {} gives head_dim {}, not a multiple of 4 (the "
        "2-D rotary embedding needs that)",
        vision.hidden_size, vision.num_heads, vision.head_dim);
  }
  if (vision.absolute_position) {
    GLMV_RETURN_IF_ERROR(require_multiple("vision_config.image_size", vision.image_size,
                                          "vision_config.patch_size", vision.patch_size));
  }
  if (vision.out_hidden_size != text.hidden_size) {
    return invalid_argument(
        "vision_config.out_hidden_size is {}, but text_config.hidden_size is "
        "{}; they must be equal",
        vision.out_hidden_size, text.hidden_size);
  }
  return {};
}

}  // namespace

Result<void> check_config(const ModelConfig& config) {
  const TextConfig& text = config.text;
  GLMV_RETURN_IF_ERROR(require_multiple("text_config.num_attention_heads", text.num_attention_heads,
                                        "text_config.num_key_value_heads",
                                        text.num_key_value_heads));
  GLMV_RETURN_IF_ERROR(check_rope(text));
  if (text.moe) GLMV_RETURN_IF_ERROR(check_moe(text));
  GLMV_RETURN_IF_ERROR(check_vision(config.vision, text));

  const std::pair<std::string_view, int64_t> ids[] = {
      {"image_token_id", config.image_token_id},
      {"video_token_id", config.video_token_id},
      {"image_start_token_id", config.image_start_token_id},
      {"image_end_token_id", config.image_end_token_id},
      {"video_start_token_id", config.video_start_token_id},
      {"video_end_token_id", config.video_end_token_id},
      {"pad_token_id", config.pad_token_id},
  };
  for (const auto& [key, id] : ids) {
    if (id >= text.vocab_size) {
      return invalid_argument("{} is {}, outside text_config.vocab_size ({})", key, id,
                              text.vocab_size);
    }
  }
  for (const int64_t id : config.eos_token_ids) {
    if (id >= text.vocab_size) {
      return invalid_argument("eos_token_id {} is outside text_config.vocab_size ({})", id,
                              text.vocab_size);
    }
  }
  return {};
}

}  // namespace glmv::checkpoint
