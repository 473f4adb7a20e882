#include "apps/glmv/tensor_audit.h"

#include <fmt/ranges.h>

#include <set>

namespace glmv::app {
namespace {

using checkpoint::DType;
using checkpoint::TensorSpec;

struct Wanted {
  std::string name;
  std::vector<int64_t> shape;
};

// `name` with its ending `from` replaced; empty when it ends otherwise.
std::string with_ending(const std::string& name, std::string_view from, std::string_view to) {
  if (!name.ends_with(from)) return "";
  return name.substr(0, name.size() - from.size()) + std::string(to);
}

std::vector<Wanted> in_pieces(const TensorSpec& spec, std::string_view fused,
                              const std::vector<std::string_view>& pieces) {
  std::vector<Wanted> wanted;
  for (const std::string_view piece : pieces) {
    std::string name = with_ending(spec.name, fused, piece);
    if (name.empty()) return {};
    std::vector<int64_t> shape = spec.shape;
    shape[0] /= static_cast<int64_t>(pieces.size());
    wanted.push_back({std::move(name), std::move(shape)});
  }
  return wanted;
}

// "...mlp.experts.7.up_proj.weight" [I, D] -> "...mlp.experts.gate_up_proj" [E, 2I, D].
std::vector<Wanted> in_stack(const TensorSpec& spec, int64_t num_experts) {
  constexpr std::string_view kExperts = ".mlp.experts.";
  const size_t at = spec.name.find(kExperts);
  if (at == std::string::npos) return {};
  const size_t dot = spec.name.find('.', at + kExperts.size());
  if (dot == std::string::npos) return {};
  const std::string prefix = spec.name.substr(0, at + kExperts.size());
  if (spec.name.ends_with(".down_proj.weight")) {
    return {{prefix + "down_proj", {num_experts, spec.shape[0], spec.shape[1]}}};
  }
  return {{prefix + "gate_up_proj", {num_experts, 2 * spec.shape[0], spec.shape[1]}}};
}

// The half of a fused pair.
std::vector<Wanted> in_fused(const TensorSpec& spec) {
  for (const std::string_view half : {".gate_proj.weight", ".up_proj.weight"}) {
    std::string name = with_ending(spec.name, half, ".gate_up_proj.weight");
    if (!name.empty()) return {{std::move(name), {2 * spec.shape[0], spec.shape[1]}}};
  }
  return {};
}

class Audit {
 public:
  Audit(const checkpoint::Weights& weights, const checkpoint::ModelConfig& config)
      : weights_(weights), config_(config) {}

  TensorAudit run() {
    for (const TensorSpec& spec : checkpoint::expected_tensors(config_)) {
      for (const Wanted& wanted : spelling_of(spec)) check(wanted, spec.optional);
    }
    for (const auto& [name, view] : weights_.tensors) {
      if (!seen_.contains(name)) audit_.unexpected.push_back(name);
    }
    return std::move(audit_);
  }

 private:
  // Whether the file has the tensor, as floats or quantised.
  bool has(const std::string& name) const {
    return weights_.tensors.contains(name) || !quantised_tensors(name).empty();
  }

  // What stands for "<linear>.weight" in the formats of glmv/quant; their shapes are checked when
  // they are read.
  std::vector<std::string> quantised_tensors(const std::string& name) const {
    const std::string linear = with_ending(name, ".weight", "");
    std::vector<std::string> found;
    if (linear.empty()) return found;
    for (const std::string_view suffix :
         {".qweight", ".qzeros", ".scales", ".weight_packed", ".weight_scale", ".weight_scale_inv",
          ".weight_zero_point", ".weight_shape", ".weight_g_idx", ".input_scale", ".weight_q4_0",
          ".weight_q8_0", ".weight_q4_k", ".weight_q6_k"}) {
      std::string tensor = linear + std::string(suffix);
      if (weights_.tensors.contains(tensor)) found.push_back(std::move(tensor));
    }
    return found;
  }

  // The tensors on disk that stand for `spec`: its own name unless another spelling is there.
  std::vector<Wanted> spelling_of(const TensorSpec& spec) const {
    if (has(spec.name)) return {{spec.name, spec.shape}};
    std::vector<std::vector<Wanted>> spellings = {
        in_pieces(spec, ".mlp.gate_up_proj.weight",
                  {".mlp.gate_proj.weight", ".mlp.up_proj.weight"}),
        in_pieces(spec, ".attn.qkv.weight", {".attn.q.weight", ".attn.k.weight", ".attn.v.weight"}),
        in_pieces(spec, ".attn.qkv.bias", {".attn.q.bias", ".attn.k.bias", ".attn.v.bias"}),
        in_fused(spec)};
    if (config_.text.moe) spellings.push_back(in_stack(spec, config_.text.moe->num_experts));
    for (std::vector<Wanted>& spelling : spellings) {
      if (!spelling.empty() && has(spelling.front().name)) {
        return std::move(spelling);
      }
    }
    return {{spec.name, spec.shape}};
  }

  void check(const Wanted& wanted, bool optional) {
    if (!seen_.insert(wanted.name).second) return;  // a stack stands for many experts
    const auto it = weights_.tensors.find(wanted.name);
    const std::vector<std::string> quantised = quantised_tensors(wanted.name);
    seen_.insert(quantised.begin(), quantised.end());
    if (it == weights_.tensors.end()) {
      if (quantised.empty() && !optional) audit_.missing.push_back(wanted.name);
      return;
    }
    const checkpoint::TensorView& view = it->second;
    if (view.shape != wanted.shape) {
      audit_.wrong.push_back(fmt::format("tensor \"{}\" has shape [{}], config.json implies [{}]",
                                         wanted.name, fmt::join(view.shape, ", "),
                                         fmt::join(wanted.shape, ", ")));
    }
    if (view.dtype == DType::kF8E4M3 && !quantised.empty()) return;
    if (view.dtype != DType::kBF16 && view.dtype != DType::kF16 && view.dtype != DType::kF32 &&
        view.dtype != DType::kF64) {
      audit_.wrong.push_back(fmt::format("tensor \"{}\" has dtype {}, expected BF16, F16 or F32",
                                         wanted.name, checkpoint::dtype_name(view.dtype)));
    }
  }

  const checkpoint::Weights& weights_;
  const checkpoint::ModelConfig& config_;
  std::set<std::string> seen_;
  TensorAudit audit_;
};

}  // namespace

TensorAudit audit_tensors(const checkpoint::Weights& weights,
                          const checkpoint::ModelConfig& config) {
  return Audit(weights, config).run();
}

}  // namespace glmv::app
