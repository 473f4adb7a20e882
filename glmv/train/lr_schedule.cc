#include "glmv/train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace glmv::train {
namespace {

struct Row {
  std::string_view name;
  ScheduleKind kind;
};
constexpr Row kSchedules[] = {
    {"constant", ScheduleKind::kConstant},
    {"linear", ScheduleKind::kLinear},
    {"cosine", ScheduleKind::kCosine},
    {"cosine_with_restarts", ScheduleKind::kCosineWithRestarts},
    {"polynomial", ScheduleKind::kPolynomial},
    {"inverse_sqrt", ScheduleKind::kInverseSqrt},
    {"wsd", ScheduleKind::kWarmupStableDecay},
};

double half_cosine(double p) { return 0.5 * (1.0 + std::cos(std::numbers::pi * p)); }

// 1 after warm-up, 0 at the end of the decay.
double decay_factor(const Schedule& s, int64_t step) {
  const double after_warmup = static_cast<double>(step - s.warmup_steps);
  const double length = static_cast<double>(std::max<int64_t>(1, s.total_steps - s.warmup_steps));
  const double p = std::clamp(after_warmup / length, 0.0, 1.0);
  switch (s.kind) {
    case ScheduleKind::kConstant:
      return 1.0;
    case ScheduleKind::kLinear:
      return 1.0 - p;
    case ScheduleKind::kCosine:
      return half_cosine(p);
    case ScheduleKind::kCosineWithRestarts:
      return p >= 1.0 ? 0.0 : half_cosine(std::fmod(p * s.num_cycles, 1.0));
    case ScheduleKind::kPolynomial:
      return std::pow(1.0 - p, s.power);
    case ScheduleKind::kInverseSqrt: {
      const double timescale = s.warmup_steps > 0 ? static_cast<double>(s.warmup_steps) : 10000.0;
      return 1.0 / std::sqrt((after_warmup + timescale) / timescale);
    }
    case ScheduleKind::kWarmupStableDecay: {
      const int64_t decay =
          s.decay_steps > 0 ? s.decay_steps : std::max<int64_t>(1, s.total_steps / 10);
      const int64_t start = std::max(s.warmup_steps, s.total_steps - decay);
      if (step < start) return 1.0;
      const double phase = static_cast<double>(std::max<int64_t>(1, s.total_steps - start));
      return half_cosine(std::clamp(static_cast<double>(step - start) / phase, 0.0, 1.0));
    }
  }
  return 1.0;
}

}  // namespace

Result<ScheduleKind> parse_schedule(std::string_view name) {
  std::string known;
  for (const Row& row : kSchedules) {
    if (row.name == name) return row.kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  return invalid_argument("unknown learning-rate schedule \"{}\"; known: {}", name, known);
}

double learning_rate_at(const Schedule& s, int64_t step) {
  if (step < s.warmup_steps) {
    return s.learning_rate * static_cast<double>(step) / static_cast<double>(s.warmup_steps);
  }
  if (s.kind == ScheduleKind::kConstant) return s.learning_rate;
  const double factor = decay_factor(s, step);
  if (s.kind == ScheduleKind::kInverseSqrt) {
    return std::max(s.min_lr, s.learning_rate * factor);
  }
  return s.min_lr + (s.learning_rate - s.min_lr) * factor;
}

}  // namespace glmv::train
