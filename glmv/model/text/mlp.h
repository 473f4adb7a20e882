#pragma once
// Dense MLP and mixture of experts of the text decoder.

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "glmv/checkpoint/hf_config.h"
#include "glmv/quant/linear_method.h"

namespace glmv::model {

struct NamedParameter;

// down(silu(gate(x)) * up(x)). Fused: one Linear whose first half of rows is the gate.
struct Mlp {
  std::optional<quant::Linear> gate_up_proj;
  quant::Linear gate_proj;
  quant::Linear up_proj;
  quant::Linear down_proj;

  at::Tensor operator()(const at::Tensor& x) const;
  void collect(std::vector<NamedParameter>& out) const;
};

// Chosen experts per token: indices [N, K] int64 and weights [N, K] fp32.
struct Routing {
  at::Tensor indices;
  at::Tensor weights;
};

// Sigmoid scores, correction bias only for the choice, group limit.
Routing route(const checkpoint::MoeConfig& config, const at::Tensor& x, const at::Tensor& gate,
              const at::Tensor& correction_bias);

struct Moe {
  checkpoint::MoeConfig config;
  std::string name;
  at::Tensor gate;             // [E, D]
  at::Tensor correction_bias;  // [E] fp32
  std::vector<Mlp> experts;
  int64_t expert_bytes = 0;  // of all their weights
  Mlp shared_experts;
  // When its tensors are defined, taken instead of the router's choice: in bf16 a routing flip
  // hides every other error, so tests feed the recorded experts.
  Routing pinned;

  at::Tensor operator()(const at::Tensor& x) const;
  void collect(std::vector<NamedParameter>& out) const;
};

// `fused`: the canonical layout has one gate_up_proj.
Result<Mlp> load_mlp(tensor::WeightSource& source, const std::string& name, int64_t hidden,
                     int64_t intermediate, bool fused, bool bias = false);
Result<Moe> load_moe(tensor::WeightSource& source, const std::string& name,
                     const checkpoint::TextConfig& config);

void collect_linear(const quant::Linear& linear, std::vector<NamedParameter>& out);

}  // namespace glmv::model
