#include "apps/glmv/model_parts.h"

#include <algorithm>

#include "glmv/checkpoint/weights.h"

namespace glmv::app {
namespace {

struct PartRow {
  Part part;
  std::string_view name;
};
constexpr PartRow kPartRows[] = {
    {Part::kVision, "vision"},   {Part::kProjector, "projector"}, {Part::kEmbeddings, "embeddings"},
    {Part::kDecoder, "decoder"}, {Part::kExperts, "experts"},     {Part::kHead, "head"},
};

// The first fitting prefix decides.
constexpr PartRow kPrefixes[] = {
    {Part::kProjector, "model.visual.downsample."},
    {Part::kProjector, "model.visual.merger."},
    {Part::kVision, "model.visual."},
    {Part::kEmbeddings, "model.language_model.embed_tokens."},
    {Part::kDecoder, "model.language_model."},
    {Part::kHead, "lm_head."},
};

}  // namespace

std::string_view part_name(Part part) {
  for (const PartRow& row : kPartRows) {
    if (row.part == part) return row.name;
  }
  return "other";
}

std::optional<Part> part_of(std::string_view canonical_name) {
  for (const PartRow& row : kPrefixes) {
    if (!canonical_name.starts_with(row.name)) continue;
    const bool expert = canonical_name.find(".mlp.experts.") != std::string_view::npos;
    return row.part == Part::kDecoder && expert ? Part::kExperts : row.part;
  }
  return std::nullopt;
}

std::map<Part, PartSize> part_sizes(const checkpoint::ModelConfig& config,
                                    const std::function<bool(std::string_view)>& wanted) {
  std::map<Part, PartSize> sizes;
  for (const checkpoint::TensorSpec& spec : checkpoint::expected_tensors(config)) {
    const std::optional<Part> part = part_of(spec.name);
    if (!part || !wanted(spec.name)) continue;
    PartSize& size = sizes[*part];
    ++size.num_tensors;
    size.num_parameters += spec.num_elements();
  }
  return sizes;
}

int64_t num_parameters(const std::map<Part, PartSize>& sizes) {
  int64_t total = 0;
  for (const auto& [part, size] : sizes) total += size.num_parameters;
  return total;
}

int64_t active_layer_parameters(const checkpoint::ModelConfig& config,
                                const std::map<Part, PartSize>& sizes) {
  const auto of = [&sizes](Part part) {
    const auto it = sizes.find(part);
    return it == sizes.end() ? int64_t{0} : it->second.num_parameters;
  };
  int64_t active = of(Part::kDecoder);
  if (const auto& moe = config.text.moe) {
    active +=
        of(Part::kExperts) / std::max<int64_t>(moe->num_experts, 1) * moe->num_experts_per_tok;
  }
  return active;
}

int64_t active_text_parameters(const checkpoint::ModelConfig& config,
                               const std::map<Part, PartSize>& sizes) {
  const auto head = sizes.find(config.text.tie_word_embeddings ? Part::kEmbeddings : Part::kHead);
  return active_layer_parameters(config, sizes) +
         (head == sizes.end() ? 0 : head->second.num_parameters);
}

}  // namespace glmv::app
