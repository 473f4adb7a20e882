#pragma once
// AdamW over the trainable parameters of a model: groups, freezing, clipping, fp32 master weights.

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/model/vlm.h"
#include "glmv/train/train_options.h"

namespace glmv::train {

enum class Part { kVision, kProjector, kLlm };

// Part of a parameter by its canonical name: projector = model.visual.downsample
// and .merger, vision = the rest of model.visual, llm = everything else.
Part part_of(std::string_view name);

// Names of the parameters that `options` leaves trainable, in model order. Errors: an unknown part,
// a bad regular expression, nothing left.
Result<std::vector<model::NamedParameter>> select_trainable(
    std::vector<model::NamedParameter> parameters, const OptimizerOptions& options);

struct StepOutcome {
  double grad_norm = 0;  // before clipping
  bool applied = false;  // false: the norm was not finite, nothing was changed
};

class AdamW {
 public:
  // `trainable` from select_trainable; their requires_grad is set. Parameters that are not fp32 get
  // an fp32 master copy, on which steps are taken, and fp32 gradient sums.
  AdamW(std::vector<model::NamedParameter> trainable, const OptimizerOptions& options);

  // Must follow the backward of every micro-batch: moves low-precision gradients into fp32 sums.
  void collect_gradients();

  // Clips by the global norm, updates every parameter that has a gradient, and drops the gradients.
  StepOutcome step(double learning_rate);

  // State by name ("exp_avg.NAME", "exp_avg_sq.NAME", "step.NAME", "master.NAME"); the tensors
  // share storage with the optimizer.
  std::vector<model::NamedParameter> state() const;
  // Copies into state(). Errors name what is missing or has another shape.
  Result<void> load_state(const std::vector<model::NamedParameter>& saved);

  int64_t num_trainable() const;  // elements

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    at::Tensor master;    // the parameter itself when it is fp32
    at::Tensor grad_sum;  // fp32 sum of micro-batches; undefined when the parameter is fp32
    at::Tensor exp_avg;
    at::Tensor exp_avg_sq;
    at::Tensor step;  // one fp32 element
    double lr_scale = 1;
    double weight_decay = 0;

    bool has_master() const { return !master.is_same(parameter); }
  };

  std::vector<Slot> slots_;
  OptimizerOptions options_;
};

}  // namespace glmv::train
