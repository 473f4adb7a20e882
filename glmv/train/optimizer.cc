#include "glmv/train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <utility>

namespace glmv::train {
namespace {

struct PartRow {
  std::string_view name;
  Part part;
};
constexpr std::array<PartRow, 3> kParts = {
    PartRow{"vision", Part::kVision}, {"projector", Part::kProjector}, {"llm", Part::kLlm}};

double lr_scale_of(Part part, const OptimizerOptions& options) {
  switch (part) {
    case Part::kVision:
      return options.vision_lr_scale;
    case Part::kProjector:
      return options.projector_lr_scale;
    case Part::kLlm:
      return options.llm_lr_scale;
  }
  return 1;
}

Result<std::set<Part>> frozen_parts(const OptimizerOptions& options) {
  std::set<Part> frozen;
  for (const std::string& name : options.freeze) {
    const auto row = std::ranges::find(kParts, name, &PartRow::name);
    if (row == kParts.end()) {
      return invalid_argument("freeze: unknown part \"{}\"; known: vision, projector, llm", name);
    }
    frozen.insert(row->part);
  }
  return frozen;
}

Result<std::regex> parse_regex(const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return invalid_argument("freeze_regex \"{}\": {}", pattern, error.what());
  }
}

// The router's balancing bias is a buffer: load balancing sets it, not the gradient.
bool is_buffer(std::string_view name) { return name.ends_with("e_score_correction_bias"); }

}  // namespace

Part part_of(std::string_view name) {
  constexpr std::string_view kVisual = "model.visual.";
  if (!name.starts_with(kVisual)) return Part::kLlm;
  name.remove_prefix(kVisual.size());
  return name.starts_with("downsample") || name.starts_with("merger") ? Part::kProjector
                                                                      : Part::kVision;
}

Result<std::vector<model::NamedParameter>> select_trainable(
    std::vector<model::NamedParameter> parameters, const OptimizerOptions& options) {
  GLMV_ASSIGN(const std::set<Part> frozen, frozen_parts(options));
  GLMV_ASSIGN(const std::regex regex, parse_regex(options.freeze_regex));
  std::erase_if(parameters, [&](const model::NamedParameter& p) {
    return is_buffer(p.name) || frozen.contains(part_of(p.name)) ||
           (!options.freeze_regex.empty() && std::regex_search(p.name, regex));
  });
  if (parameters.empty()) {
    return invalid_argument("freeze leaves no parameter to train; name fewer parts");
  }
  return parameters;
}

AdamW::AdamW(std::vector<model::NamedParameter> trainable, const OptimizerOptions& options)
    : options_(options) {
  for (model::NamedParameter& p : trainable) {
    Slot slot{.name = std::move(p.name), .parameter = p.tensor, .master = p.tensor};
    if (p.tensor.scalar_type() != at::kFloat) slot.master = p.tensor.detach().to(at::kFloat);
    slot.exp_avg = at::zeros_like(slot.master, at::MemoryFormat::Contiguous);
    slot.exp_avg_sq = at::zeros_like(slot.master, at::MemoryFormat::Contiguous);
    slot.step = at::zeros({1}, slot.master.options());
    slot.lr_scale = lr_scale_of(part_of(slot.name), options);
    const bool decays = options.decay_norms_and_biases || slot.master.dim() > 1;
    slot.weight_decay = decays ? options.weight_decay : 0;
    slot.parameter.requires_grad_(true);
    slots_.push_back(std::move(slot));
  }
}

void AdamW::collect_gradients() {
  const at::NoGradGuard no_grad;
  for (Slot& slot : slots_) {
    if (!slot.has_master() || !slot.parameter.grad().defined()) continue;
    const at::Tensor grad = slot.parameter.grad().to(at::kFloat);
    slot.grad_sum = slot.grad_sum.defined() ? slot.grad_sum.add_(grad) : grad;
    slot.parameter.mutable_grad() = at::Tensor();
  }
}

StepOutcome AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> grads;
  std::vector<Slot*> active;
  for (Slot& slot : slots_) {
    const at::Tensor& grad = slot.has_master() ? slot.grad_sum : slot.parameter.grad();
    if (!grad.defined()) continue;
    grads.push_back(grad);
    active.push_back(&slot);
  }
  StepOutcome outcome;
  if (grads.empty()) return outcome;

  outcome.grad_norm = at::stack(at::_foreach_norm(grads, 2)).norm().item<double>();
  outcome.applied = std::isfinite(outcome.grad_norm);
  if (outcome.applied) {
    // torch.nn.utils.clip_grad_norm_'s formula.
    const double coefficient = options_.clip / (outcome.grad_norm + 1e-6);
    if (options_.clip > 0 && coefficient < 1) at::_foreach_mul_(grads, coefficient);

    struct Lists {
      std::vector<at::Tensor> parameters, grads, exp_avgs, exp_avg_sqs, steps;
    };
    std::map<std::pair<double, double>, Lists> groups;  // by rate scale and decay
    for (size_t i = 0; i < active.size(); ++i) {
      Slot& slot = *active[i];
      Lists& lists = groups[{slot.lr_scale, slot.weight_decay}];
      lists.parameters.push_back(slot.master);
      lists.grads.push_back(grads[i]);
      lists.exp_avgs.push_back(slot.exp_avg);
      lists.exp_avg_sqs.push_back(slot.exp_avg_sq);
      slot.step.add_(1);
      lists.steps.push_back(slot.step);
    }
    for (auto& [key, lists] : groups) {
      at::_fused_adamw_(lists.parameters, lists.grads, lists.exp_avgs, lists.exp_avg_sqs,
                        /*max_exp_avg_sqs=*/{}, lists.steps, learning_rate * key.first,
                        options_.beta1, options_.beta2, key.second, options_.eps,
                        /*amsgrad=*/false, /*maximize=*/false);
    }
    for (Slot* slot : active) {
      if (slot->has_master()) slot->parameter.copy_(slot->master);
    }
  }
  for (Slot* slot : active) {
    slot->parameter.mutable_grad() = at::Tensor();
    slot->grad_sum = at::Tensor();
  }
  return outcome;
}

std::vector<model::NamedParameter> AdamW::state() const {
  std::vector<model::NamedParameter> state;
  for (const Slot& slot : slots_) {
    state.push_back({"exp_avg." + slot.name, slot.exp_avg});
    state.push_back({"exp_avg_sq." + slot.name, slot.exp_avg_sq});
    state.push_back({"step." + slot.name, slot.step});
    if (slot.has_master()) state.push_back({"master." + slot.name, slot.master});
  }
  return state;
}

Result<void> AdamW::load_state(const std::vector<model::NamedParameter>& saved) {
  const at::NoGradGuard no_grad;
  std::map<std::string_view, at::Tensor> by_name;
  for (const model::NamedParameter& p : saved) by_name[p.name] = p.tensor;
  for (const model::NamedParameter& p : state()) {
    const auto it = by_name.find(p.name);
    if (it == by_name.end()) {
      return invalid_argument(
          "tensor \"{}\" is missing: the run was started with other frozen parts or dtype", p.name);
    }
    if (it->second.sizes() != p.tensor.sizes()) {
      return invalid_argument("tensor \"{}\" has another shape than the model's", p.name);
    }
    p.tensor.copy_(it->second);
  }
  return {};
}

int64_t AdamW::num_trainable() const {
  int64_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.master.numel();
  return sum;
}

}  // namespace glmv::train
