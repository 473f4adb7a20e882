#include <algorithm>

#include "glmv/checkpoint/config_fields.h"
#include "glmv/checkpoint/hf_config.h"

namespace glmv::checkpoint {
namespace {

// What the release ships when a folder has lost its generation_config.json.
GenerationConfig released_defaults(const ModelConfig& model) {
  GenerationConfig config;
  if (model.family == Family::kGlmOcr) return config;
  config.do_sample = true;
  // Of the MoE releases 4.5V has theta 10,000 and samples greedily in effect.
  if (model.family == Family::kGlm4vMoe && model.text.rope.theta == 10000.0) {
    config.top_p = 0.0001;
    config.top_k = 1;
    return config;
  }
  config.temperature = 0.8;
  config.top_p = 0.6;
  config.top_k = 2;
  return config;
}

Result<GenerationConfig> parse_generation_config(const ConfigFields& fields,
                                                 const ModelConfig& model) {
  GenerationConfig config;
  GLMV_ASSIGN(config.do_sample, fields.boolean("do_sample", config.do_sample));
  GLMV_ASSIGN(config.temperature, fields.number("temperature", 0.0, 100.0, config.temperature));
  GLMV_ASSIGN(config.top_p, fields.number("top_p", 0.0, 1.0, config.top_p));
  GLMV_ASSIGN(config.top_k, fields.integer("top_k", 0, int64_t{1} << 24, config.top_k));
  GLMV_ASSIGN(config.repetition_penalty,
              fields.number("repetition_penalty", 1e-3, 1e3, config.repetition_penalty));
  GLMV_ASSIGN(config.eos_token_ids, fields.integers("eos_token_id", 0, model.text.vocab_size - 1));
  GLMV_ASSIGN(config.pad_token_id,
              fields.integer("pad_token_id", -1, model.text.vocab_size - 1, -1));
  return config;
}

}  // namespace

Result<GenerationConfig> read_generation_config(const std::filesystem::path& dir,
                                                const ModelConfig& model) {
  const std::filesystem::path path = dir / "generation_config.json";
  GenerationConfig config;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    config = released_defaults(model);
  } else {
    GLMV_ASSIGN(const Json json, read_json_file(path, size_t{1} << 20));
    if (!json.is_object()) return invalid_argument("{}: not a JSON object", path.string());
    auto parsed = parse_generation_config(ConfigFields(json, ""), model);
    if (!parsed) return in_context(path.string(), parsed.error());
    config = std::move(*parsed);
  }
  for (const int64_t id : model.eos_token_ids) {
    auto& all = config.eos_token_ids;
    if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
  }
  if (config.pad_token_id < 0) config.pad_token_id = model.pad_token_id;
  return config;
}

}  // namespace glmv::checkpoint
