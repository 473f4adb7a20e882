#include "glmv/checkpoint/hf_config.h"

#include <algorithm>
#include <cmath>

#include "glmv/checkpoint/config_checks.h"
#include "glmv/checkpoint/config_fields.h"
#include "glmv/checkpoint/gguf_weights.h"

namespace glmv::checkpoint {
namespace {

// Bounds that keep every product of two sizes far from overflow and a hostile config cheap.
constexpr int64_t kMaxWidth = int64_t{1} << 20;
constexpr int64_t kMaxVocab = int64_t{1} << 24;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxExperts = 4096;
constexpr int64_t kMaxHeads = 4096;
constexpr int64_t kMaxImageSize = int64_t{1} << 16;
constexpr int64_t kMaxTokens = int64_t{1} << 31;
constexpr size_t kMaxConfigBytes = size_t{4} << 20;

struct FamilyRow {
  Family family;
  std::string_view name;  // model_type and prefix of the parts' model types
};
constexpr FamilyRow kFamilies[] = {
    {Family::kGlm4v, "glm4v"},
    {Family::kGlm4vMoe, "glm4v_moe"},
    {Family::kGlmOcr, "glm_ocr"},
};
// transformers' wrapper around the parts of glm4v; numerically the same.
constexpr std::string_view kWrapperType = "glm46v";

Result<Family> family_of(std::string_view model_type) {
  if (model_type == kWrapperType) return Family::kGlm4v;
  for (const FamilyRow& row : kFamilies) {
    if (row.name == model_type) return row.family;
  }
  return unsupported("model_type \"{}\" is not supported; known: glm4v, glm4v_moe, glm_ocr, glm46v",
                     model_type.substr(0, 60));
}

// A part may name its own type ("glm4v_text"); another family's is not ours to run.
Result<void> check_part_type(const ConfigFields& part, Family family, std::string_view suffix) {
  GLMV_ASSIGN(const std::string type, part.string("model_type", ""));
  const std::string expected = fmt::format("{}_{}", family_name(family), suffix);
  if (type.empty() || type == expected || type == family_name(family) ||
      (family == Family::kGlm4v && type == kWrapperType)) {
    return {};
  }
  return unsupported("{} is \"{}\", expected \"{}\"", part.full_key("model_type"),
                     type.substr(0, 60), expected);
}

Result<void> require_silu(const ConfigFields& part) {
  const auto activation = part.string("hidden_act", "silu");
  if (!activation) return std::unexpected(activation.error());
  if (*activation == "silu") return {};
  return unsupported("{} is \"{}\"; only silu is supported", part.full_key("hidden_act"),
                     activation->substr(0, 60));
}

// Where a RoPE key may live, newest layout first.
struct RopeFields {
  ConfigFields parameters;  // rope_parameters
  ConfigFields scaling;     // rope_scaling of the early layouts
  ConfigFields owner;       // the part itself

  const ConfigFields& holder(std::string_view key) const {
    if (parameters.find(key) != nullptr) return parameters;
    if (scaling.find(key) != nullptr) return scaling;
    return owner;
  }
};

Result<RopeFields> rope_fields(const ConfigFields& part) {
  GLMV_ASSIGN(ConfigFields parameters, part.object_or_empty("rope_parameters"));
  GLMV_ASSIGN(ConfigFields scaling, part.object_or_empty("rope_scaling"));
  return RopeFields{std::move(parameters), std::move(scaling), part};
}

Result<void> check_rope_type(const RopeFields& fields,
                             std::initializer_list<std::string_view> known) {
  for (const ConfigFields* holder : {&fields.parameters, &fields.scaling}) {
    for (const std::string_view key : {"rope_type", "type"}) {
      GLMV_ASSIGN(const std::string type, holder->string(key, ""));
      if (type.empty() || std::find(known.begin(), known.end(), type) != known.end()) continue;
      return unsupported("{} is \"{}\"; supported: {}", holder->full_key(key), type.substr(0, 60),
                         fmt::join(known, ", "));
    }
  }
  return {};
}

Result<RopeConfig> parse_text_rope(const ConfigFields& part, Family family, int64_t head_dim) {
  GLMV_ASSIGN(const RopeFields fields, rope_fields(part));
  GLMV_RETURN_IF_ERROR(check_rope_type(fields, {"default", "mrope"}));
  RopeConfig rope;
  GLMV_ASSIGN(rope.theta, fields.holder("rope_theta").number("rope_theta", 1.0, 1e12, rope.theta));
  // The reference's default is 1.0: a guess of the usual 0.5 would give wrong numbers silently.
  GLMV_ASSIGN(rope.partial_rotary_factor,
              fields.holder("partial_rotary_factor")
                  .number("partial_rotary_factor", 0.0, 1.0, rope.partial_rotary_factor));
  GLMV_ASSIGN(std::vector<int64_t> sections,
              fields.holder("mrope_section").integers("mrope_section", 0, kMaxWidth));
  if (!sections.empty()) rope.mrope_section = std::move(sections);
  rope.rotary_dim =
      static_cast<int64_t>(std::floor(static_cast<double>(head_dim) * rope.partial_rotary_factor));
  rope.interleaved = family != Family::kGlm4vMoe;
  return rope;
}

Result<MoeConfig> parse_moe(const ConfigFields& part) {
  MoeConfig moe;
  GLMV_ASSIGN(moe.num_experts, part.integer("n_routed_experts", 1, kMaxExperts));
  GLMV_ASSIGN(moe.num_shared_experts, part.integer("n_shared_experts", 0, kMaxExperts));
  GLMV_ASSIGN(moe.num_experts_per_tok, part.integer("num_experts_per_tok", 1, kMaxExperts));
  GLMV_ASSIGN(moe.moe_intermediate_size, part.integer("moe_intermediate_size", 1, kMaxWidth));
  GLMV_ASSIGN(moe.first_k_dense_replace, part.integer("first_k_dense_replace", 0, kMaxLayers));
  GLMV_ASSIGN(moe.n_group, part.integer("n_group", 1, kMaxExperts, 1));
  GLMV_ASSIGN(moe.topk_group, part.integer("topk_group", 1, kMaxExperts, 1));
  GLMV_ASSIGN(moe.norm_topk_prob, part.boolean("norm_topk_prob", true));
  GLMV_ASSIGN(moe.routed_scaling_factor, part.number("routed_scaling_factor", 0.0, 1e6, 1.0));
  return moe;
}

Result<TextConfig> parse_text(const ConfigFields& part, Family family) {
  GLMV_RETURN_IF_ERROR(require_silu(part));
  GLMV_ASSIGN(const bool use_qk_norm, part.boolean("use_qk_norm", false));
  if (use_qk_norm) {
    return unsupported("{} is true; no released vision model uses it and it is not supported",
                       part.full_key("use_qk_norm"));
  }
  TextConfig text;
  GLMV_ASSIGN(text.vocab_size, part.integer("vocab_size", 1, kMaxVocab));
  GLMV_ASSIGN(text.hidden_size, part.integer("hidden_size", 1, kMaxWidth));
  GLMV_ASSIGN(text.intermediate_size, part.integer("intermediate_size", 1, kMaxWidth));
  GLMV_ASSIGN(text.num_hidden_layers, part.integer("num_hidden_layers", 1, kMaxLayers));
  GLMV_ASSIGN(text.num_attention_heads, part.integer("num_attention_heads", 1, kMaxHeads));
  GLMV_ASSIGN(text.num_key_value_heads, part.integer("num_key_value_heads", 1, kMaxHeads));
  if (part.find("head_dim") != nullptr) {
    GLMV_ASSIGN(text.head_dim, part.integer("head_dim", 1, kMaxWidth));
  } else if (text.hidden_size % text.num_attention_heads == 0) {
    text.head_dim = text.hidden_size / text.num_attention_heads;
  } else {
    return invalid_argument("{} is missing and {} {} is not a multiple of {} {}",
                            part.full_key("head_dim"), part.full_key("hidden_size"),
                            text.hidden_size, part.full_key("num_attention_heads"),
                            text.num_attention_heads);
  }
  GLMV_ASSIGN(text.max_position_embeddings, part.integer("max_position_embeddings", 1, kMaxTokens));
  GLMV_ASSIGN(text.rms_norm_eps, part.number("rms_norm_eps", 0.0, 1.0, text.rms_norm_eps));
  GLMV_ASSIGN(text.num_nextn_predict_layers,
              part.integer("num_nextn_predict_layers", 0, kMaxLayers, 0));
  switch (family) {  // wired into the classes of glm4v and glm_ocr, a key only of glm4v_moe
    case Family::kGlm4v:
      text.attention_bias = true;
      break;
    case Family::kGlmOcr:
      text.attention_bias = false;
      break;
    case Family::kGlm4vMoe: {
      GLMV_ASSIGN(text.attention_bias, part.boolean("attention_bias", true));
      GLMV_ASSIGN(text.moe, parse_moe(part));
      break;
    }
  }
  text.sandwich_norms = family != Family::kGlm4vMoe;
  GLMV_ASSIGN(text.rope, parse_text_rope(part, family, text.head_dim));
  return text;
}

Result<VisionConfig> parse_vision(const ConfigFields& part, Family family) {
  GLMV_RETURN_IF_ERROR(require_silu(part));
  const bool is_ocr = family == Family::kGlmOcr;
  VisionConfig vision;
  GLMV_ASSIGN(vision.depth, part.integer("depth", 1, kMaxLayers));
  GLMV_ASSIGN(vision.hidden_size, part.integer("hidden_size", 1, kMaxWidth));
  GLMV_ASSIGN(vision.num_heads, part.integer("num_heads", 1, kMaxHeads));
  vision.head_dim = vision.hidden_size / vision.num_heads;
  GLMV_ASSIGN(vision.in_channels, part.integer("in_channels", 3, 3, 3));
  GLMV_ASSIGN(vision.image_size, part.integer("image_size", 1, kMaxImageSize, 336));
  GLMV_ASSIGN(vision.patch_size, part.integer("patch_size", 1, 1024, 14));
  GLMV_ASSIGN(vision.temporal_patch_size, part.integer("temporal_patch_size", 1, 64, 2));
  GLMV_ASSIGN(vision.spatial_merge_size, part.integer("spatial_merge_size", 1, 64, 2));
  GLMV_ASSIGN(vision.out_hidden_size, part.integer("out_hidden_size", 1, kMaxWidth));
  GLMV_ASSIGN(const int64_t intermediate, part.integer("intermediate_size", 1, kMaxWidth));
  GLMV_ASSIGN(vision.rms_norm_eps, part.number("rms_norm_eps", 0.0, 1.0, vision.rms_norm_eps));
  GLMV_ASSIGN(vision.attention_bias, part.boolean("attention_bias", is_ocr));
  // intermediate_size means the block MLP in glm_ocr and only the merger in the others.
  vision.block_intermediate_size = is_ocr ? intermediate : vision.out_hidden_size;
  vision.merger_intermediate_size =
      is_ocr ? vision.out_hidden_size * vision.in_channels : intermediate;
  vision.qk_norm = is_ocr;
  vision.absolute_position = !is_ocr;
  if (vision.attention_bias && !is_ocr) {
    return unsupported("{} is true; only glm_ocr has biases in its vision blocks",
                       part.full_key("attention_bias"));
  }

  GLMV_ASSIGN(const RopeFields rope, rope_fields(part));
  GLMV_RETURN_IF_ERROR(check_rope_type(rope, {"axial", "default"}));
  const ConfigFields& holder = rope.holder("rope_theta");
  GLMV_ASSIGN(const double theta, holder.number("rope_theta", 1.0, 1e12, 10000.0));
  if (theta != 10000.0) {
    return unsupported("{} is {}; the vision tower supports 10000 only",
                       holder.full_key("rope_theta"), theta);
  }
  return vision;
}

// The first of the parts that has the key answers.
Result<int64_t> token_id(const ConfigFields& top, const ConfigFields& text, std::string_view key) {
  const ConfigFields& holder = top.find(key) != nullptr ? top : text;
  return holder.integer(key, -1, kMaxVocab, -1);
}

Result<void> parse_tokens(const ConfigFields& top, const ConfigFields& text, ModelConfig& config) {
  GLMV_ASSIGN(config.image_token_id, token_id(top, text, "image_token_id"));
  GLMV_ASSIGN(config.video_token_id, token_id(top, text, "video_token_id"));
  GLMV_ASSIGN(config.image_start_token_id, token_id(top, text, "image_start_token_id"));
  GLMV_ASSIGN(config.image_end_token_id, token_id(top, text, "image_end_token_id"));
  GLMV_ASSIGN(config.video_start_token_id, token_id(top, text, "video_start_token_id"));
  GLMV_ASSIGN(config.video_end_token_id, token_id(top, text, "video_end_token_id"));
  GLMV_ASSIGN(config.pad_token_id, token_id(top, text, "pad_token_id"));
  for (const ConfigFields* holder : {&top, &text}) {
    GLMV_ASSIGN(const std::vector<int64_t> ids, holder->integers("eos_token_id", 0, kMaxVocab));
    for (const int64_t id : ids) {
      auto& all = config.eos_token_ids;
      if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
    }
  }
  return {};
}

Result<std::string> parse_dtype_name(const ConfigFields& top, const ConfigFields& text) {
  for (const ConfigFields* holder : {&top, &text}) {
    for (const std::string_view key : {"dtype", "torch_dtype"}) {
      GLMV_ASSIGN(std::string name, holder->string(key, ""));
      if (name.starts_with("torch.")) name.erase(0, 6);
      if (!name.empty()) return name;
    }
  }
  return std::string();
}

}  // namespace

std::string_view family_name(Family family) {
  for (const FamilyRow& row : kFamilies) {
    if (row.family == family) return row.name;
  }
  return "unknown";
}

Result<ModelConfig> parse_model_config(const Json& json) {
  if (!json.is_object()) return invalid_argument("the config is not a JSON object");
  const ConfigFields top(json, "");
  ModelConfig config;
  GLMV_ASSIGN(config.model_type, top.string("model_type", ""));
  if (config.model_type.empty()) return invalid_argument("model_type is missing");
  GLMV_ASSIGN(config.family, family_of(config.model_type));
  if (const Json* names = top.find("architectures");
      names != nullptr && names->is_array() && !names->empty() && (*names)[0].is_string()) {
    config.architecture = (*names)[0].get<std::string>();
  }

  // The first 4.1V release has the text keys at the top level and no text_config.
  const bool is_flat = top.find("text_config") == nullptr;
  GLMV_ASSIGN(const ConfigFields text_config, top.object_or_empty("text_config"));
  const ConfigFields& text = is_flat ? top : text_config;
  if (top.find("vision_config") == nullptr) {
    return invalid_argument("vision_config is missing; is this a text-only model?");
  }
  GLMV_ASSIGN(const ConfigFields vision, top.object_or_empty("vision_config"));
  if (!is_flat) GLMV_RETURN_IF_ERROR(check_part_type(text, config.family, "text"));
  GLMV_RETURN_IF_ERROR(check_part_type(vision, config.family, "vision"));

  GLMV_ASSIGN(config.text, parse_text(text, config.family));
  GLMV_ASSIGN(config.vision, parse_vision(vision, config.family));
  // The top level decides, as in the reference; older files have the key only in text_config.
  const ConfigFields& tie_holder = top.find("tie_word_embeddings") != nullptr ? top : text;
  GLMV_ASSIGN(config.text.tie_word_embeddings, tie_holder.boolean("tie_word_embeddings", false));
  GLMV_ASSIGN(config.dtype, parse_dtype_name(top, text));
  GLMV_RETURN_IF_ERROR(parse_tokens(top, text, config));
  for (const ConfigFields* holder : {&text, &top}) {
    if (const Json* quantization = holder->find("quantization_config")) {
      config.quantization = *quantization;
    }
  }
  config.raw = json;
  GLMV_RETURN_IF_ERROR(check_config(config));
  return config;
}

Result<ModelConfig> read_model_config(const std::filesystem::path& dir) {
  const std::filesystem::path path = dir / "config.json";
  if (has_only_gguf(dir)) GLMV_RETURN_IF_ERROR(check_gguf_side_files(dir));
  GLMV_ASSIGN(const Json json, read_json_file(path, kMaxConfigBytes));
  auto config = parse_model_config(json);
  if (!config) return in_context(path.string(), config.error());
  return config;
}

}  // namespace glmv::checkpoint
