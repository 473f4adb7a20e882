#include "glmv/runtime/logit_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "glmv/base/every_isa.h"

namespace glmv::runtime {
namespace {

constexpr float kNegativeInfinity = -std::numeric_limits<float>::infinity();

// Logits whose maximum is kept; a multiple of the values in flight.
constexpr size_t kBlock = 64;
constexpr size_t kLanes = 8;  // GCC takes wider vectors apart into single values on AVX2

// Sums of a row's weights and the reference's, one after the other in 53 bits, agree within V times
// 2^-53 and the error of exp_of: below 1e-10 for a million tokens.
constexpr double kSumError = 1e-9;
// Logits that close may have equal weights or change places.
constexpr double kNear = 1e-11;
// Weights below e to this sum up to less than a tenth of that error, however many there are.
constexpr double kNegligible = -38;

using Floats = float __attribute__((vector_size(4 * kLanes)));
using Ints = int32_t __attribute__((vector_size(4 * kLanes)));

// The highest of n values; NaN if one is.
inline __attribute__((always_inline)) float highest_of_block(const float* x, size_t n) {
  Floats even = Floats{} + kNegativeInfinity, odd = even;
  Ints nan = {};
  size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    Floats v, w;
    std::memcpy(&v, x + i, sizeof v);
    std::memcpy(&w, x + i + kLanes, sizeof w);
    even = v > even ? v : even;
    odd = w > odd ? w : odd;
    nan |= (v != v) | (w != w);
  }
  const Floats highest = odd > even ? odd : even;
  float best = kNegativeInfinity;
  bool any_nan = false;
  for (size_t j = 0; j < kLanes; ++j) {
    best = std::max(best, highest[j]);
    any_nan |= nan[j] != 0;
  }
  for (; i < n; ++i) {
    best = x[i] > best ? x[i] : best;
    any_nan |= x[i] != x[i];
  }
  return any_nan ? std::numeric_limits<float>::quiet_NaN() : best;
}

GLMV_EVERY_ISA float highest_value(const float* x, size_t n) { return highest_of_block(x, n); }

GLMV_EVERY_ISA void highest_values(const float* x, size_t n, float* highest) {
  for (size_t i = 0; i < n; i += kBlock)
    *highest++ = highest_of_block(x + i, std::min(kBlock, n - i));
}

// The first place of `value`, or n.
GLMV_EVERY_ISA size_t first_of(const float* x, size_t n, float value) {
  for (size_t i = 0; i < n; i += kBlock) {
    const size_t end = std::min(i + kBlock, n);
    bool found = false;
    for (size_t j = i; j < end; ++j) found |= x[j] == value;
    if (!found) continue;
    while (x[i] != value) ++i;
    return i;
  }
  return n;
}

using Doubles = double __attribute__((vector_size(32)));
using Words = uint64_t __attribute__((vector_size(32)));
constexpr size_t kDoubles = sizeof(Doubles) / sizeof(double);

// One instruction; GCC converts a vector in halves, through memory.
inline __attribute__((always_inline)) Doubles doubles_at(const float* x) {
  return Doubles{x[0], x[1], x[2], x[3]};
}

inline double sum_of_lanes(const Doubles& low, const Doubles& high) {
  double sum = 0;
  for (size_t j = 0; j < kDoubles; ++j) sum += low[j];
  for (size_t j = 0; j < kDoubles; ++j) sum += high[j];
  return sum;
}

// e^x for x <= 0 within 1e-14; 0 below -700, where the exact value is less than 1e-300.
// T: double or Doubles, with the same bits; Bits: an integer for each.
template <class T, class Bits>
inline __attribute__((always_inline)) T exp_of(T x) {
  const T least = T{} - 700.0;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: leaves the nearest integer
  const T clamped = x > least ? x : least;
  const T t = clamped * 1.4426950408889634;
  const T shifted = t + kRound;
  const T k = shifted - kRound;
  // ln 2 in two parts.
  const T r = (clamped - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  // Taylor's series; |r| <= ln 2 / 2, so that what is left out is below 7e-15. In pairs, pairs of
  // pairs and so on (Estrin): a chain of eleven steps would be waited for.
  const T r2 = r * r, r4 = r2 * r2;
  const T p01 = r + 1.0;
  const T p23 = r * (1.0 / 6.0) + 0.5;
  const T p45 = r * (1.0 / 120.0) + 1.0 / 24.0;
  const T p67 = r * (1.0 / 5040.0) + 1.0 / 720.0;
  const T p89 = r * (1.0 / 362880.0) + 1.0 / 40320.0;
  const T p1011 = r * (1.0 / 39916800.0) + 1.0 / 3628800.0;
  const T p03 = p23 * r2 + p01;
  const T p47 = p67 * r2 + p45;
  const T p811 = p1011 * r2 + p89;
  const T p = (p811 * r4 + p47) * r4 + p03;
  const Bits exponent = std::bit_cast<Bits>(shifted) << 52;
  const T value = std::bit_cast<T>(std::bit_cast<Bits>(p) + exponent);
  const T below = x != x ? x : T{};
  return x > least ? value : below;
}

// x = (logit - highest) * per_unit and weights e^x, each null where nobody wants it; gives the sum
// of the weights. The product instead of a division by the temperature moves a weight by less than
// a part in 2e12.
inline __attribute__((always_inline)) double weigh_some(const float* logits, size_t n,
                                                        double highest, double per_unit, double* x,
                                                        double* weights) {
  Doubles sums[2] = {};
  size_t i = 0;
  for (; i + 2 * kDoubles <= n; i += 2 * kDoubles) {
    for (size_t half = 0; half < 2; ++half) {
      const size_t at = i + half * kDoubles;
      const Doubles v = (doubles_at(logits + at) - highest) * per_unit;
      const Doubles w = exp_of<Doubles, Words>(v);
      if (x) std::memcpy(x + at, &v, sizeof v);
      if (weights) std::memcpy(weights + at, &w, sizeof w);
      sums[half] += w;
    }
  }
  for (size_t j = 0; i + j < n; ++j) {
    const double v = (logits[i + j] - highest) * per_unit;
    const double w = exp_of<double, uint64_t>(v);
    if (x) x[i + j] = v;
    if (weights) weights[i + j] = w;
    sums[j / kDoubles][j % kDoubles] += w;
  }
  return sum_of_lanes(sums[0], sums[1]);
}

GLMV_EVERY_ISA double weigh(const float* logits, size_t n, double highest, double per_unit,
                            double* x, double* weights) {
  return weigh_some(logits, n, highest, per_unit, x, weights);
}

GLMV_EVERY_ISA double sum_exponentials(const float* logits, size_t n, double highest) {
  Doubles sums[2] = {};
  size_t i = 0;
  for (; i + 2 * kDoubles <= n; i += 2 * kDoubles) {
    for (size_t half = 0; half < 2; ++half) {
      sums[half] += exp_of<Doubles, Words>(doubles_at(logits + i + half * kDoubles) - highest);
    }
  }
  for (size_t j = 0; i + j < n; ++j) {
    sums[j / kDoubles][j % kDoubles] += exp_of<double, uint64_t>(logits[i + j] - highest);
  }
  return sum_of_lanes(sums[0], sums[1]);
}

inline __attribute__((always_inline)) double sum_some(const double* x, size_t n) {
  constexpr size_t kWide = 8;
  double lanes[kWide] = {};
  size_t i = 0;
  for (; i + kWide <= n; i += kWide) {
    for (size_t j = 0; j < kWide; ++j) lanes[j] += x[i + j];
  }
  for (size_t j = 0; i + j < n; ++j) lanes[j] += x[i + j];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

GLMV_EVERY_ISA double sum_of(const double* x, size_t n) { return sum_some(x, n); }

// Sets weights below `least` to 0; gives how many lie within rounding of it.
inline __attribute__((always_inline)) int64_t drop_some(double* weights, size_t n, double least) {
  int64_t near = 0;
  for (size_t i = 0; i < n; ++i) {
    near += std::fabs(weights[i] - least) < 1e-12 * least ? 1 : 0;
    weights[i] = weights[i] < least ? 0.0 : weights[i];
  }
  return near;
}

GLMV_EVERY_ISA int64_t drop_below(double* weights, size_t n, double least) {
  return drop_some(weights, n, least);
}

// The weights of a block, 0 where below `least`.
GLMV_EVERY_ISA void weigh_block(const float* logits, size_t n, double highest, double per_unit,
                                double least, double* weights) {
  weigh_some(logits, n, highest, per_unit, nullptr, weights);
  if (least > 0) drop_some(weights, n, least);
}

// The sums of the blocks' weights, which are kept nowhere: 2 MB for a row are beyond the cache. 0
// for blocks that are negligible by `highest_of_blocks`. Gives how many weights lie within rounding
// of `least`.
GLMV_EVERY_ISA int64_t sum_blocks(const float* logits, size_t n, const float* highest_of_blocks,
                                  double highest, double per_unit, double least, double* sums) {
  double weights[kBlock];
  int64_t near = 0;
  for (size_t i = 0; i < n; i += kBlock, ++sums, ++highest_of_blocks) {
    const size_t length = std::min(kBlock, n - i);
    if ((*highest_of_blocks - highest) * per_unit < kNegligible) {
      *sums = 0;
    } else if (least > 0) {
      weigh_some(logits + i, length, highest, per_unit, nullptr, weights);
      near += drop_some(weights, length, least);
      *sums = sum_some(weights, length);
    } else {
      *sums = weigh_some(logits + i, length, highest, per_unit, nullptr, nullptr);
    }
  }
  return near;
}

// Buckets of weights by size, without comparing them: x in steps. Their limits lie between the
// values that logits of few bits have.
constexpr int kBuckets = 4096;
constexpr double kBucketsPerUnit = 64;
constexpr double kBucketOffset = 0.37;

inline double place_of(double x) { return kBucketOffset - x * kBucketsPerUnit; }

GLMV_EVERY_ISA void put_in_buckets(const double* x, size_t n, uint16_t* buckets) {
  constexpr double kLast = kBuckets - 1;
  for (size_t i = 0; i < n; ++i) {
    const double place = kBucketOffset - x[i] * kBucketsPerUnit;
    buckets[i] = static_cast<uint16_t>(static_cast<int32_t>(place < kLast ? place : kLast));
  }
}

GLMV_EVERY_ISA bool holds(const uint16_t* buckets, size_t n, uint16_t bucket) {
  int found = 0;
  for (size_t i = 0; i < n; ++i) found |= buckets[i] == bucket;
  return found != 0;
}

// Whether x may belong to the next bucket, for rounding.
bool near_limit(double x) {
  const double place = place_of(x);
  return std::fabs(place - std::round(place)) < 2 * kNear * kBucketsPerUnit;
}

}  // namespace

float highest_of(std::span<const float> logits) {
  return highest_value(logits.data(), logits.size());
}

int32_t argmax(std::span<const float> logits) {
  const float highest = highest_of(logits);
  if (highest == highest) {
    return static_cast<int32_t>(first_of(logits.data(), logits.size(), highest));
  }
  return static_cast<int32_t>(std::ranges::max_element(logits) - logits.begin());
}

std::vector<int32_t> best_ids(std::span<const float> logits, size_t n) {
  const size_t num_blocks = (logits.size() + kBlock - 1) / kBlock;
  std::vector<float> highest(num_blocks);
  highest_values(logits.data(), logits.size(), highest.data());
  // n blocks hold something at least as high as the n-th highest of their maxima: so are the n
  // best.
  float least = kNegativeInfinity;
  const bool any_nan = std::ranges::any_of(highest, [](float v) { return v != v; });
  if (n > 0 && n <= num_blocks && !any_nan) {
    std::vector<float> order = highest;
    std::ranges::nth_element(order, order.begin() + static_cast<ptrdiff_t>(n - 1),
                             std::greater<>());
    least = order[n - 1];
  }
  std::vector<int32_t> ids;
  for (size_t b = 0; b < num_blocks && n > 0; ++b) {
    if (highest[b] < least) continue;
    const size_t end = std::min((b + 1) * kBlock, logits.size());
    for (size_t i = b * kBlock; i < end; ++i) {
      if (logits[i] >= least && std::isfinite(logits[i])) ids.push_back(static_cast<int32_t>(i));
    }
  }
  const auto better = [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  if (n < ids.size()) {
    std::ranges::nth_element(ids, ids.begin() + static_cast<ptrdiff_t>(n), better);
    ids.resize(n);
  }
  std::ranges::sort(ids, better);
  return ids;
}

double sum_of_exponentials(std::span<const float> logits, float highest) {
  return sum_exponentials(logits.data(), logits.size(), highest);
}

std::optional<int32_t> MassDraw::draw(std::span<const float> logits, const Limits& limits,
                                      double uniform) {
  highest_.resize((logits.size() + kBlock - 1) / kBlock);
  highest_values(logits.data(), logits.size(), highest_.data());
  const float highest = highest_of(highest_);
  if (!std::isfinite(highest) || uniform == 0) return std::nullopt;
  return limits.top_p < 1.0 ? draw_best_first(logits, highest, limits, uniform)
                            : draw_by_id(logits, highest, limits, uniform);
}

// The candidates in the order of their ids.
std::optional<int32_t> MassDraw::draw_by_id(std::span<const float> logits, float highest,
                                            const Limits& limits, double uniform) {
  const size_t n = logits.size();
  const double per_unit = 1 / limits.temperature;
  sums_.resize(highest_.size());
  const int64_t near =
      sum_blocks(logits.data(), n, highest_.data(), highest, per_unit, limits.min_p, sums_.data());
  const double total = sum_of(sums_.data(), sums_.size());
  if (near > 0 || !std::isfinite(total)) return std::nullopt;
  const double target = uniform * total;
  const double error = kSumError * total;
  double sum = 0;
  size_t block = 0;
  // The block in which the sum passes the target.
  for (; block < sums_.size() && sum + sums_[block] <= target + error; ++block) sum += sums_[block];
  for (; block < sums_.size(); ++block) {
    const size_t begin = block * kBlock, length = std::min(kBlock, n - begin);
    double weights[kBlock];
    weigh_block(&logits[begin], length, highest, per_unit, limits.min_p, weights);
    for (size_t i = 0; i < length; ++i) {
      const double before = sum;
      sum += weights[i];
      if (sum <= target - error) continue;
      const bool sure = sum > target + error && (before < target - error || before == 0);
      return sure ? std::optional(static_cast<int32_t>(begin + i)) : std::nullopt;
    }
  }
  return std::nullopt;
}

// The candidates from the best on. The sums of whole buckets of weights tell in which bucket a sum
// reaches its limit; only that one is sorted.
std::optional<int32_t> MassDraw::draw_best_first(std::span<const float> logits, float highest,
                                                 const Limits& limits, double uniform) {
  const size_t n = logits.size();
  x_.resize(n);
  weights_.resize(n);
  const double total =
      weigh(logits.data(), n, highest, 1 / limits.temperature, x_.data(), weights_.data());
  if (!std::isfinite(total)) return std::nullopt;
  sums_.assign(kBuckets, 0.0);
  buckets_.resize(n);
  put_in_buckets(x_.data(), n, buckets_.data());
  for (size_t i = 0; i < n; ++i) sums_[buckets_[i]] += weights_[i];
  const std::optional<Place> last = reach(limits.top_p * total, kSumError * total);
  if (!last) return std::nullopt;
  double kept = last->sum;
  if (limits.min_p > 0 && weights_[last->id] < limits.min_p * (1 + kSumError)) {
    // The weights that are large enough end before the mass does.
    if (drop_below(weights_.data(), n, limits.min_p) > 0) return std::nullopt;
    kept = sum_of(weights_.data(), n);
  }
  const std::optional<Place> drawn = reach(uniform * kept, kSumError * total);
  return drawn ? std::optional(static_cast<int32_t>(drawn->id)) : std::nullopt;
}

std::optional<MassDraw::Place> MassDraw::reach(double limit, double error) const {
  double sum = 0;
  int bucket = 0;
  while (bucket < kBuckets - 1 && sum + sums_[bucket] < limit) sum += sums_[bucket++];
  std::vector<size_t> ids;
  for (size_t i = 0; i < x_.size(); i += kBlock) {
    const size_t end = std::min(i + kBlock, x_.size());
    if (!holds(&buckets_[i], end - i, static_cast<uint16_t>(bucket))) continue;
    for (size_t j = i; j < end; ++j) {
      if (buckets_[j] == bucket && weights_[j] > 0) ids.push_back(j);
    }
  }
  std::ranges::sort(ids,
                    [&](size_t a, size_t b) { return x_[a] != x_[b] ? x_[a] > x_[b] : a < b; });
  for (size_t i = 0; i < ids.size(); ++i) {
    const double before = sum;
    sum += weights_[ids[i]];
    if (sum < limit) continue;
    const double x = x_[ids[i]];
    // Neighbours in the order may change places when their weights are equal but for rounding.
    const auto near = [&](double other) { return other != x && std::fabs(other - x) < kNear; };
    bool sure = sum > limit + error && (before < limit - error || before == 0) && !near_limit(x);
    for (size_t j = i; j-- > 0 && sure && x_[ids[j]] - x < kNear;) sure = !near(x_[ids[j]]);
    for (size_t j = i + 1; j < ids.size() && sure && x - x_[ids[j]] < kNear; ++j) {
      sure = !near(x_[ids[j]]);
    }
    return sure ? std::optional(Place{ids[i], sum}) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace glmv::runtime
