#include <charconv>
#include <optional>

#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {
namespace {

constexpr std::string_view kText = "model.language_model.";
constexpr std::string_view kVision = "model.visual.";

// Prefixes of other layouts. The first that fits is replaced, longest first.
struct PrefixRule {
  std::string_view from;
  std::string_view to;
};
constexpr PrefixRule kPrefixRules[] = {
    {"model.language_model.lm_head.", "lm_head."},
    {"model.language_model.model.", kText},
    {"model.language_model.", kText},
    {"language_model.lm_head.", "lm_head."},
    {"language_model.model.", kText},
    {"language_model.", kText},
    {"model.visual.", kVision},
    {"visual.", kVision},
    {"model.layers.", "model.language_model.layers."},
    {"model.embed_tokens.", "model.language_model.embed_tokens."},
    {"model.norm.", "model.language_model.norm."},
};

std::string with_canonical_prefix(const std::string& name) {
  for (const PrefixRule& rule : kPrefixRules) {
    if (name.starts_with(rule.from)) {
      return std::string(rule.to) + name.substr(rule.from.size());
    }
  }
  return name;
}

std::optional<int64_t> text_layer_of(std::string_view name) {
  constexpr std::string_view kLayers = "model.language_model.layers.";
  if (!name.starts_with(kLayers)) return std::nullopt;
  name.remove_prefix(kLayers.size());
  int64_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') {
    return std::nullopt;
  }
  return layer;
}

}  // namespace

std::string canonical_name(const std::string& name, const ModelConfig& config) {
  std::string canonical = with_canonical_prefix(name);
  if (canonical.ends_with(".inv_freq")) return "";
  if (const auto layer = text_layer_of(canonical)) {
    // Releases without num_nextn_predict_layers carry one MTP layer if any.
    const int64_t num_mtp = std::max<int64_t>(1, config.text.num_nextn_predict_layers);
    const int64_t first_mtp = config.text.num_hidden_layers;
    if (*layer >= first_mtp && *layer < first_mtp + num_mtp) return "";
  }
  return canonical;
}

std::optional<std::string> mtp_name(const std::string& name, const ModelConfig& config) {
  std::string canonical = with_canonical_prefix(name);
  if (text_layer_of(canonical) != config.text.num_hidden_layers) return std::nullopt;
  return canonical;
}

}  // namespace glmv::checkpoint
