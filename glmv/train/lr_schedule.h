#pragma once
// Learning-rate schedules as pure functions of the step, so that a resumed run needs no state.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::train {

enum class ScheduleKind {
  kConstant,
  kLinear,
  kCosine,
  kCosineWithRestarts,
  kPolynomial,
  kInverseSqrt,
  kWarmupStableDecay,
};

// "constant", "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt", "wsd".
// Unknown names give an error that lists these.
Result<ScheduleKind> parse_schedule(std::string_view name);

struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  double learning_rate = 0;  // peak
  double min_lr = 0;         // end value of every decay
  int64_t warmup_steps = 0;  // linear from 0
  int64_t total_steps = 1;
  int64_t decay_steps = 0;  // wsd: length of the last phase; 0: a tenth of total_steps
  double num_cycles = 1;    // cosine_with_restarts
  double power = 1;         // polynomial
};

// Rate of the optimizer step number `step`, counted from 0. Steps past the end keep the end value.
// warm-up w: lr * step / w; then p = (step - w) / (total - w) drives the decay (the same
// formulas as transformers' get_scheduler).
double learning_rate_at(const Schedule& schedule, int64_t step);

}  // namespace glmv::train
