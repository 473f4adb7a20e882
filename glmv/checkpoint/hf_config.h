#pragma once
// config.json of the GLM-V families, all three published layouts, as one normalised struct.
// Source: transformers 5.23 configuration_{glm4v,glm4v_moe,glm46v,glm_ocr}.py and the released
// files.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::checkpoint {

enum class Family { kGlm4v, kGlm4vMoe, kGlmOcr };

// "glm4v", "glm4v_moe", "glm_ocr".
std::string_view family_name(Family family);

struct RopeConfig {
  double theta = 10000.0;
  double partial_rotary_factor = 1.0;
  std::vector<int64_t> mrope_section = {8, 12, 12};  // sums to rotary_dim / 2
  int64_t rotary_dim = 0;                            // floor(head_dim * partial_rotary_factor)
  bool interleaved = true;  // pairs (2i, 2i+1); false: (i, i + rotary_dim / 2)
};

struct MoeConfig {
  int64_t num_experts = 0;
  int64_t num_shared_experts = 1;
  int64_t num_experts_per_tok = 0;
  int64_t moe_intermediate_size = 0;
  int64_t first_k_dense_replace = 0;  // layers below it use the dense MLP
  int64_t n_group = 1;
  int64_t topk_group = 1;
  bool norm_topk_prob = true;
  double routed_scaling_factor = 1.0;
};

struct TextConfig {
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-5;
  bool attention_bias = true;  // q, k, v
  bool sandwich_norms = true;  // post_self_attn_layernorm and post_mlp_layernorm exist
  bool tie_word_embeddings = false;
  int64_t num_nextn_predict_layers = 0;  // MTP layers after the last one
  RopeConfig rope;
  std::optional<MoeConfig> moe;
};

struct VisionConfig {
  int64_t depth = 0;
  int64_t hidden_size = 0;
  int64_t num_heads = 0;
  int64_t head_dim = 0;
  int64_t in_channels = 3;
  int64_t image_size = 336;
  int64_t patch_size = 14;
  int64_t temporal_patch_size = 2;
  int64_t spatial_merge_size = 2;
  int64_t out_hidden_size = 0;
  int64_t block_intermediate_size = 0;   // inner width of a block's MLP
  int64_t merger_intermediate_size = 0;  // inner width of the merger's MLP
  double rms_norm_eps = 1e-5;
  bool attention_bias = false;    // qkv, proj and the block MLP have biases
  bool qk_norm = false;           // glm_ocr
  bool absolute_position = true;  // post_conv_layernorm and the position embedding exist

  int64_t patch_dim() const { return in_channels * temporal_patch_size * patch_size * patch_size; }
};

struct ModelConfig {
  Family family = Family::kGlm4v;
  std::string model_type;    // as written in the file ("glm46v" stays visible here)
  std::string architecture;  // architectures[0], may be empty
  std::string dtype;         // "bfloat16", "float16", "float32" (dtype or torch_dtype), or ""
  TextConfig text;
  VisionConfig vision;
  int64_t image_token_id = -1;
  int64_t video_token_id = -1;
  int64_t image_start_token_id = -1;
  int64_t image_end_token_id = -1;
  int64_t video_start_token_id = -1;
  int64_t video_end_token_id = -1;
  int64_t pad_token_id = -1;
  std::vector<int64_t> eos_token_ids;  // union of config.json and its text_config
  Json quantization;                   // quantization_config as written, or null
  // Processor family decides the timestamp text and the frame sampling: 4.6V, 4.6V-Flash and OCR
  // use Glm46V*. Filled from preprocessor_config.json's class names where there are any.
  Json raw;  // config.json as read
};

// Parses config.json. Errors name the key and both values of a mismatch; an unknown model_type
// error lists the known ones.
Result<ModelConfig> parse_model_config(const Json& config);
Result<ModelConfig> read_model_config(const std::filesystem::path& dir);

// generation_config.json, with the release's values where the file is missing.
struct GenerationConfig {
  bool do_sample = false;
  double temperature = 1.0;
  double top_p = 1.0;
  int64_t top_k = 0;  // 0: off
  double repetition_penalty = 1.0;
  std::vector<int64_t> eos_token_ids;  // union with the model config's
  int64_t pad_token_id = -1;
};
Result<GenerationConfig> read_generation_config(const std::filesystem::path& dir,
                                                const ModelConfig& model);

}  // namespace glmv::checkpoint
