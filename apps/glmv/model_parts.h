#pragma once
// The parts of a model and what they weigh, from canonical tensor names.

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "glmv/checkpoint/hf_config.h"

namespace glmv::app {

enum class Part {
  kVision,
  kProjector,  // downsample and merger
  kEmbeddings,
  kDecoder,  // layers without routed experts, and the final norm
  kExperts,  // routed ones
  kHead
};
inline constexpr std::array kParts = {Part::kVision,  Part::kProjector, Part::kEmbeddings,
                                      Part::kDecoder, Part::kExperts,   Part::kHead};
std::string_view part_name(Part part);
// nullopt for names of no part.
std::optional<Part> part_of(std::string_view canonical_name);

struct PartSize {
  int64_t num_tensors = 0;
  int64_t num_parameters = 0;
};
// What config.json implies, of the tensors whose name `wanted` likes; parts without tensors are
// absent.
std::map<Part, PartSize> part_sizes(
    const checkpoint::ModelConfig& config,
    const std::function<bool(std::string_view)>& wanted = [](std::string_view) { return true; });
int64_t num_parameters(const std::map<Part, PartSize>& sizes);

// Weights of decoder layers that one token multiplies with: of the experts those that it chooses.
int64_t active_layer_parameters(const checkpoint::ModelConfig& config,
                                const std::map<Part, PartSize>& sizes);

// Weights that one text token multiplies with: decoder, chosen experts, head (not the embedding
// table, of which it reads a row).
int64_t active_text_parameters(const checkpoint::ModelConfig& config,
                               const std::map<Part, PartSize>& sizes);

}  // namespace glmv::app
