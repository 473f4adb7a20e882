#include "glmv/model/text/mlp.h"

#include <fmt/format.h>

#include "glmv/model/vlm.h"
#include "glmv/quant/grouped_mlp.h"
#include "glmv/tensor/fused_ops.h"
#include "glmv/tensor/ops.h"

namespace glmv::model {

void collect_linear(const quant::Linear& linear, std::vector<NamedParameter>& out) {
  for (const auto& [suffix, tensor] : linear.method().tensors()) {
    out.push_back({linear.name() + "." + suffix, tensor});
  }
}

at::Tensor Mlp::operator()(const at::Tensor& x) const {
  if (gate_up_proj) {
    const std::vector<at::Tensor> halves = (*gate_up_proj)(x).chunk(2, -1);
    return down_proj(tensor::swiglu(halves[0], halves[1]));
  }
  return down_proj(gate_proj.method().apply_gated(up_proj.method(), x));
}

void Mlp::collect(std::vector<NamedParameter>& out) const {
  if (gate_up_proj) {
    collect_linear(*gate_up_proj, out);
  } else {
    collect_linear(gate_proj, out);
    collect_linear(up_proj, out);
  }
  collect_linear(down_proj, out);
}

Routing route(const checkpoint::MoeConfig& config, const at::Tensor& x, const at::Tensor& gate,
              const at::Tensor& correction_bias) {
  const at::Tensor scores = tensor::linear_fp32(x, gate).sigmoid();  // [N, E]
  at::Tensor choice = scores.detach() + correction_bias;
  if (config.n_group > 1) {
    const int64_t n = choice.size(0);
    const int64_t group_size = config.num_experts / config.n_group;
    const at::Tensor grouped = choice.view({n, config.n_group, group_size});
    const at::Tensor group_scores = std::get<0>(grouped.topk(2, -1)).sum(-1);
    const at::Tensor best = std::get<1>(group_scores.topk(config.topk_group, -1));
    const at::Tensor keep =
        at::zeros({n, config.n_group}, best.options().dtype(at::kBool)).scatter_(1, best, true);
    choice = grouped.masked_fill(keep.logical_not().unsqueeze(-1), -INFINITY).view({n, -1});
  }
  const at::Tensor indices = std::get<1>(choice.topk(config.num_experts_per_tok, -1));
  at::Tensor weights = scores.gather(1, indices);
  if (config.norm_topk_prob) weights = weights / (weights.sum(-1, true) + 1e-20);
  return {indices, weights * config.routed_scaling_factor};
}

namespace {

// What grouped_mlp() needs of all experts; empty where one of them does not have it.
std::vector<quant::GroupedExpert> grouped(const std::vector<Mlp>& experts, at::ScalarType dtype) {
  std::vector<quant::GroupedExpert> out;
  for (const Mlp& expert : experts) {
    const quant::GroupedExpert e = {expert.gate_proj.method().ranges(dtype),
                                    expert.up_proj.method().ranges(dtype),
                                    expert.down_proj.method().ranges(dtype)};
    if (e.gate == nullptr || e.up == nullptr || e.down == nullptr) return {};
    // One layout of the activations must do for all; those of many rows follow from that of one.
    const quant::GroupedExpert& first = out.empty() ? e : out.front();
    const quant::OperandSpec in = first.gate->operand(1, dtype);
    if (e.gate->operand(1, dtype) != in || e.up->operand(1, dtype) != in ||
        e.down->operand(1, dtype) != first.down->operand(1, dtype)) {
      return {};
    }
    out.push_back(e);
  }
  return out;
}

// Expert by expert, as any device and the graph of gradients can do it: the rows that chose it,
// weighted, added in fp32.
at::Tensor expert_by_expert(const std::vector<Mlp>& experts, const at::Tensor& x,
                            const Routing& routing) {
  at::Tensor sum = at::zeros({x.size(0), x.size(1)}, x.options().dtype(at::kFloat));
  const at::Tensor chosen = routing.indices.cpu();
  std::vector<std::vector<int64_t>> slots(experts.size());  // expert -> n * K + k
  const int64_t top_k = chosen.size(1);
  const int64_t* ids = chosen.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < chosen.numel(); ++i) slots[ids[i]].push_back(i);
  const at::Tensor flat_weights = routing.weights.reshape({-1});
  for (size_t e = 0; e < experts.size(); ++e) {
    if (slots[e].empty()) continue;
    const at::Tensor slot = at::tensor(at::ArrayRef<int64_t>(slots[e]), at::kLong).to(x.device());
    const at::Tensor rows = slot.floor_divide(top_k);
    const at::Tensor y = experts[e](x.index_select(0, rows)).to(at::kFloat);
    const at::Tensor weight = flat_weights.index_select(0, slot).unsqueeze(1);
    sum = sum.index_add(0, rows, y * weight);
  }
  return sum;
}

}  // namespace

at::Tensor Moe::operator()(const at::Tensor& x) const {
  const Routing routing =
      pinned.indices.defined() ? pinned : route(config, x, gate, correction_bias);
  const bool fused = tensor::takes_fused(x);
  const std::vector<quant::GroupedExpert> all =
      fused ? grouped(experts, x.scalar_type()) : std::vector<quant::GroupedExpert>();
  const at::Tensor sum = all.empty() ? expert_by_expert(experts, x, routing)
                                     : quant::grouped_mlp(all, x, routing.indices, routing.weights);
  return sum.to(x.scalar_type()) + shared_experts(x);
}

void Moe::collect(std::vector<NamedParameter>& out) const {
  out.push_back({name + ".gate.weight", gate});
  out.push_back({name + ".gate.e_score_correction_bias", correction_bias});
  for (const Mlp& expert : experts) expert.collect(out);
  shared_experts.collect(out);
}

Result<Mlp> load_mlp(tensor::WeightSource& source, const std::string& name, int64_t hidden,
                     int64_t intermediate, bool fused, bool bias) {
  Mlp mlp;
  const std::string gate = name + ".gate_proj";
  const std::string up = name + ".up_proj";
  const std::string gate_up = name + ".gate_up_proj";
  if (fused) {
    GLMV_ASSIGN(mlp.gate_up_proj,
                quant::load_linear(source, {.name = gate_up,
                                            .in = hidden,
                                            .out = 2 * intermediate,
                                            .bias = bias,
                                            .pieces = {gate, up},
                                            .piece_rows = {intermediate, intermediate}}));
  } else {
    GLMV_ASSIGN(mlp.gate_proj, quant::load_linear(source, {.name = gate,
                                                           .in = hidden,
                                                           .out = intermediate,
                                                           .bias = bias,
                                                           .sliced_from = gate_up}));
    GLMV_ASSIGN(mlp.up_proj, quant::load_linear(source, {.name = up,
                                                         .in = hidden,
                                                         .out = intermediate,
                                                         .bias = bias,
                                                         .sliced_from = gate_up,
                                                         .slice_begin = intermediate}));
  }
  GLMV_ASSIGN(
      mlp.down_proj,
      quant::load_linear(
          source, {.name = name + ".down_proj", .in = intermediate, .out = hidden, .bias = bias}));
  return mlp;
}

Result<Moe> load_moe(tensor::WeightSource& source, const std::string& name,
                     const checkpoint::TextConfig& config) {
  Moe moe;
  moe.config = *config.moe;
  moe.name = name;
  const int64_t d = config.hidden_size;
  const int64_t width = moe.config.moe_intermediate_size;
  const int64_t num = moe.config.num_experts;
  GLMV_ASSIGN(moe.gate, source.take(name + ".gate.weight", {num, d}));
  GLMV_ASSIGN(moe.correction_bias, source.take_fp32(name + ".gate.e_score_correction_bias", {num}));
  const std::string stacked_gate_up = name + ".experts.gate_up_proj";
  const std::string stacked_down = name + ".experts.down_proj";
  const int64_t before = source.num_bytes();
  for (int64_t e = 0; e < num; ++e) {
    const std::string prefix = fmt::format("{}.experts.{}", name, e);
    if (!source.has(stacked_gate_up)) {
      GLMV_ASSIGN(Mlp expert, load_mlp(source, prefix, d, width, false));
      moe.experts.push_back(std::move(expert));
      continue;
    }
    GLMV_ASSIGN(at::Tensor gate,
                source.take_stacked(stacked_gate_up, e, num, 2 * width, 0, {width, d}));
    GLMV_ASSIGN(at::Tensor up,
                source.take_stacked(stacked_gate_up, e, num, 2 * width, width, {width, d}));
    GLMV_ASSIGN(at::Tensor down, source.take_stacked(stacked_down, e, num, d, 0, {d, width}));
    Mlp expert;
    expert.gate_proj = quant::make_linear(source, prefix + ".gate_proj", gate);
    expert.up_proj = quant::make_linear(source, prefix + ".up_proj", up);
    expert.down_proj = quant::make_linear(source, prefix + ".down_proj", down);
    moe.experts.push_back(std::move(expert));
  }
  moe.expert_bytes = source.num_bytes() - before;
  GLMV_ASSIGN(moe.shared_experts, load_mlp(source, name + ".shared_experts", d,
                                           width * moe.config.num_shared_experts, false));
  return moe;
}

}  // namespace glmv::model
