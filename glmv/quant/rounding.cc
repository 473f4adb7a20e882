#include "glmv/quant/rounding.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "glmv/base/check.h"

namespace glmv::quant {
namespace {

constexpr int64_t kLanes = 8;
constexpr int64_t kRowsPerTask = 16;

struct Range {
  float scale = 1;
  float zero = 0;  // a whole number
};

// To nearest even, for |x| < 2^22; unlike nearbyint it becomes vector instructions on every CPU.
float nearest(float x) {
  constexpr float kBig = 12582912.0F;  // 1.5 * 2^23
  return (x + kBig) - kBig;
}

float as_stored(float scale, at::ScalarType dtype) {
  if (dtype == at::kHalf) return static_cast<c10::Half>(scale);
  if (dtype == at::kBFloat16) return static_cast<c10::BFloat16>(scale);
  return scale;
}

Range range_of(const float* w, int64_t n, const QuantGrid& grid, float shrink) {
  float low[kLanes] = {}, high[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float x = w[i + lane];
      low[lane] = x < low[lane] ? x : low[lane];
      high[lane] = x > high[lane] ? x : high[lane];
    }
  }
  for (; i < n; ++i) {
    low[0] = std::min(low[0], w[i]);
    high[0] = std::max(high[0], w[i]);
  }
  const float bottom = *std::min_element(low, low + kLanes) * shrink;
  const float top = *std::max_element(high, high + kLanes) * shrink;
  const auto steps = static_cast<float>((1 << grid.bits) - 1);
  const float span = grid.symmetric ? 2 * std::max(-bottom, top) : top - bottom;
  // As it will be stored, so that q belongs to the stored value; never zero.
  const float scale = as_stored(std::max(span / steps, 1e-5F), grid.scale_dtype);
  const float zero = grid.symmetric ? static_cast<float>(1 << (grid.bits - 1))
                                    : std::clamp(nearest(-bottom / scale), 0.0F, steps);
  return {scale, zero};
}

float level(float w, const Range& range, float steps) {
  const float q = nearest(w / range.scale) + range.zero;
  const float above = q < 0 ? 0 : q;
  return above > steps ? steps : above;
}

float steps_of(const QuantGrid& grid) { return static_cast<float>((1 << grid.bits) - 1); }

int64_t checked_group(const at::Tensor& w_OI, const QuantGrid& grid) {
  const int64_t group = grid.group_of(w_OI.size(1));
  GLMV_CHECK(w_OI.size(1) % group == 0, "groups of {} in {} inputs", group, w_OI.size(1));
  return group;
}

QuantizedMatrix empty_matrix(int64_t out, int64_t in, int64_t group) {
  return {at::empty({out, in}, at::kByte), at::empty({out, in / group}, at::kFloat),
          at::empty({out, in / group}, at::kByte)};
}

}  // namespace

QuantizedMatrix round_groups(const at::Tensor& w_OI, const QuantGrid& grid,
                             const at::Tensor& shrink_OG) {
  const at::Tensor w = w_OI.to(at::kFloat).contiguous();
  const int64_t in = w.size(1), group = checked_group(w, grid), num_groups = in / group;
  QuantizedMatrix m = empty_matrix(w.size(0), in, group);
  const at::Tensor shrink = shrink_OG.defined() ? shrink_OG.contiguous() : shrink_OG;
  const float* values = w.const_data_ptr<float>();
  const float* factors = shrink.defined() ? shrink.const_data_ptr<float>() : nullptr;
  auto* q = m.q_OI.mutable_data_ptr<uint8_t>();
  auto* zeros = m.zeros_OG.mutable_data_ptr<uint8_t>();
  auto* scales = m.scales_OG.mutable_data_ptr<float>();
  const float steps = steps_of(grid);
  at::parallel_for(0, w.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * num_groups; at < end * num_groups; ++at) {
      const float* from = values + at * group;
      const Range range = range_of(from, group, grid, factors != nullptr ? factors[at] : 1);
      scales[at] = range.scale;
      zeros[at] = static_cast<uint8_t>(range.zero);
      for (int64_t k = 0; k < group; ++k) {
        q[at * group + k] = static_cast<uint8_t>(level(from[k], range, steps));
      }
    }
  });
  return m;
}

void rounding_change(const at::Tensor& w_OI, const QuantGrid& grid, const at::Tensor& factors_I,
                     float shrink, at::Tensor& change) {
  const at::Tensor w = w_OI.to(at::kFloat).contiguous();
  const int64_t in = w.size(1), group = checked_group(w, grid);
  if (!change.defined()) change = at::empty({0}, at::kFloat);
  change.resize_({w.size(0), in});
  const at::Tensor s =
      factors_I.defined() ? factors_I.to(at::kFloat).contiguous() : at::ones({in}, at::kFloat);
  const at::Tensor inverse = s.reciprocal();
  const float* values = w.const_data_ptr<float>();
  const float* times = s.const_data_ptr<float>();
  const float* back = inverse.const_data_ptr<float>();
  auto* out = change.mutable_data_ptr<float>();
  const float steps = steps_of(grid);
  at::parallel_for(0, w.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    std::vector<float> scaled(group);
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t at = 0; at < in; at += group) {
        const float* from = values + row * in + at;
        float* to = out + row * in + at;
        for (int64_t k = 0; k < group; ++k) scaled[k] = from[k] * times[at + k];
        const Range range = range_of(scaled.data(), group, grid, shrink);
        for (int64_t k = 0; k < group; ++k) {
          to[k] =
              (level(scaled[k], range, steps) - range.zero) * range.scale * back[at + k] - from[k];
        }
      }
    }
  });
}

at::Tensor gptq_block(at::Tensor& w_OI, int64_t begin, const at::Tensor& u_BB,
                      const QuantGrid& grid, QuantizedMatrix& matrix) {
  const int64_t out = w_OI.size(0), in = w_OI.size(1), width = u_BB.size(0);
  const int64_t group = checked_group(w_OI, grid), num_groups = in / group;
  const at::Tensor u_block = u_BB.contiguous();
  at::Tensor changes = at::empty({out, width}, at::kFloat);
  if (!matrix.q_OI.defined()) matrix = empty_matrix(out, in, group);
  const float* u = u_block.const_data_ptr<float>();
  auto* weights = w_OI.mutable_data_ptr<float>();
  auto* q_values = matrix.q_OI.mutable_data_ptr<uint8_t>();
  auto* scales = matrix.scales_OG.mutable_data_ptr<float>();
  auto* zeros = matrix.zeros_OG.mutable_data_ptr<uint8_t>();
  auto* taken = changes.mutable_data_ptr<float>();
  const float steps = steps_of(grid);
  at::parallel_for(0, out, kRowsPerTask, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      float* w = weights + row * in + begin;
      for (int64_t i = 0; i < width; ++i) {
        const int64_t at = row * num_groups + (begin + i) / group;
        if ((begin + i) % group == 0) {
          // Inputs of the group behind the block have not been updated for it yet; their ranges
          // change little by it.
          const Range range = range_of(w + i, group, grid, 1);
          scales[at] = range.scale;
          zeros[at] = static_cast<uint8_t>(range.zero);
        }
        const Range range = {scales[at], static_cast<float>(zeros[at])};
        const float q = level(w[i], range, steps);
        q_values[row * in + begin + i] = static_cast<uint8_t>(q);
        const float change = (w[i] - (q - range.zero) * range.scale) / u[i * width + i];
        taken[row * width + i] = change;
        const float* spread = u + i * width;
        for (int64_t j = i + 1; j < width; ++j) w[j] -= change * spread[j];
      }
    }
  });
  return changes;
}

}  // namespace glmv::quant
