#include "apps/glmv/training_init.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

namespace glmv::app {
namespace {

bool contains(const std::string& name, const char* part) {
  return name.find(part) != std::string::npos;
}

double vector_value(const std::string& name) {
  if (contains(name, "post_self_attn_layernorm") || contains(name, "post_mlp_layernorm")) {
    return 0.3;
  }
  return contains(name, "norm") && name.ends_with("weight") ? 1.0 : 0.0;
}

double matrix_deviation(const std::string& name, const at::Tensor& tensor, double vision_depth) {
  if (contains(name, "embed_tokens")) return 0.5;
  if (contains(name, "position_embedding")) return 0.3;
  const double base = 1.0 / std::sqrt(double(tensor.numel()) / double(tensor.size(0)));
  const bool block_output = contains(name, "visual.blocks") &&
                            (contains(name, "attn.proj") || contains(name, "down_proj"));
  if (block_output) return base / std::sqrt(2.0 * vision_depth);
  if (contains(name, "merger.down_proj")) return 2.0 * base;
  if (name == "lm_head.weight") return 0.5 * base;
  return base;
}

}  // namespace

void init_for_training(const std::vector<model::NamedParameter>& parameters,
                       const checkpoint::ModelConfig& config, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  for (const model::NamedParameter& parameter : parameters) {
    at::Tensor tensor = parameter.tensor;
    if (tensor.dim() == 1) {
      tensor.fill_(vector_value(parameter.name));
    } else {
      const double deviation =
          matrix_deviation(parameter.name, tensor, static_cast<double>(config.vision.depth));
      tensor.normal_(0.0, deviation, generator);
    }
  }
}

}  // namespace glmv::app
