#pragma once
// Vector passes over a row of logits [V] and the draw of a token from all of them, without sorting.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace glmv::runtime {

// The highest logit; NaN where the row holds a NaN.
float highest_of(std::span<const float> logits);

// The first of the highest.
int32_t argmax(std::span<const float> logits);

// The `n` best finite logits' ids, best first, ties by the lower id; fewer where there are fewer.
std::vector<int32_t> best_ids(std::span<const float> logits, size_t n);

// sum exp(logit - highest) within a part in 1e10; NaN where a logit is NaN or +inf.
double sum_of_exponentials(std::span<const float> logits, float highest);

// Draws as Sampler does where no top-k is asked for, from weights exp((logit - highest) /
// temperature) that are right within a part in 1e12. Knows where that is not enough to be sure of
// the token that exact weights give (sums that meet a limit within rounding, weights that differ by
// rounding only) and then gives nullopt.
class MassDraw {
 public:
  struct Limits {
    double temperature = 1;
    double top_p = 1;
    double min_p = 0;
  };
  // `uniform` in [0, 1).
  std::optional<int32_t> draw(std::span<const float> logits, const Limits& limits, double uniform);

 private:
  std::optional<int32_t> draw_by_id(std::span<const float> logits, float highest,
                                    const Limits& limits, double uniform);
  std::optional<int32_t> draw_best_first(std::span<const float> logits, float highest,
                                         const Limits& limits, double uniform);

  // The candidate, from the best on, with which the sum of weights reaches a limit, and that sum.
  struct Place {
    size_t id;
    double sum;
  };
  std::optional<Place> reach(double limit, double error) const;

  std::vector<float> highest_;     // of blocks
  std::vector<double> x_;          // (logit - highest) / temperature, -inf where masked
  std::vector<double> weights_;    // exp of it
  std::vector<uint16_t> buckets_;  // of x
  std::vector<double> sums_;       // of the weights of a block of ids, or of a bucket
};

}  // namespace glmv::runtime
