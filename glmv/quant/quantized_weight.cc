#include "glmv/quant/quantized_weight.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/check.h"
#include "glmv/base/every_isa.h"

namespace glmv::quant {
namespace {

class JoinedRows final : public QuantizedWeight {
 public:
  JoinedRows(kernels::PackedShape shape, std::vector<QuantizedWeightPtr> parts)
      : QuantizedWeight(shape), parts_(std::move(parts)) {
    input_order_ = parts_.front()->input_order();
    has_offsets_ = parts_.front()->has_offsets();
  }

  void read(int64_t begin, int64_t n, QuantizedRows& rows) const override {
    rows = {};
    QuantizedRows part_rows;
    for (const QuantizedWeightPtr& part : parts_) {
      const int64_t out = part->shape().out;
      if (begin < out && n > 0) {
        const int64_t take = std::min(n, out - begin);
        part->read(begin, take, part_rows);
        rows.q.insert(rows.q.end(), part_rows.q.begin(), part_rows.q.end());
        rows.scales.insert(rows.scales.end(), part_rows.scales.begin(), part_rows.scales.end());
        rows.zeros.insert(rows.zeros.end(), part_rows.zeros.begin(), part_rows.zeros.end());
        rows.offsets.insert(rows.offsets.end(), part_rows.offsets.begin(), part_rows.offsets.end());
        n -= take;
        begin += take;
      }
      begin -= out;
    }
  }

 private:
  std::vector<QuantizedWeightPtr> parts_;
};

class SlicedRows final : public QuantizedWeight {
 public:
  SlicedRows(kernels::PackedShape shape, QuantizedWeightPtr whole, int64_t begin)
      : QuantizedWeight(shape), whole_(std::move(whole)), begin_(begin) {
    input_order_ = whole_->input_order();
    has_offsets_ = whole_->has_offsets();
  }

  void read(int64_t begin, int64_t n, QuantizedRows& rows) const override {
    whole_->read(begin_ + begin, n, rows);
  }

 private:
  QuantizedWeightPtr whole_;
  int64_t begin_;
};

// Values in flight, so that the compiler may use vectors.
constexpr int64_t kLanes = 16;

GLMV_EVERY_ISA std::pair<float, float> extremes(const float* w, int64_t n) {
  float low[kLanes], high[kLanes];
  std::fill(low, low + kLanes, w[0]);
  std::fill(high, high + kLanes, w[0]);
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) low[i] = w[k + i] < low[i] ? w[k + i] : low[i];
    for (int64_t i = 0; i < kLanes; ++i) high[i] = w[k + i] > high[i] ? w[k + i] : high[i];
  }
  for (; k < n; ++k) {
    low[0] = std::min(low[0], w[k]);
    high[0] = std::max(high[0], w[k]);
  }
  return {*std::min_element(low, low + kLanes), *std::max_element(high, high + kLanes)};
}

// q = round(w * inverse) + zero inside [0, levels].
GLMV_EVERY_ISA void round_values(const float* w, int64_t n, float inverse, uint8_t zero,
                                 float levels, uint8_t* q) {
  // Adding 1.5 * 2^23 rounds to the nearest integer, ties to even.
  constexpr float kRound = 12582912.0f;
  const float shift = static_cast<float>(zero);
  for (int64_t k = 0; k < n; ++k) {
    const float value = (w[k] * inverse + kRound) - kRound + shift;
    const float least = value > 0.0f ? value : 0.0f;
    q[k] = static_cast<uint8_t>(static_cast<int32_t>(least < levels ? least : levels));
  }
}

class RoundedRows final : public QuantizedWeight {
 public:
  RoundedRows(kernels::PackedShape shape, at::Tensor weight)
      : QuantizedWeight(shape), weight_(std::move(weight)) {}

  void read(int64_t begin, int64_t n, QuantizedRows& rows) const override {
    const at::Tensor floats = weight_.narrow(0, begin, n).to(at::kFloat).contiguous();
    const float* w = floats.const_data_ptr<float>();
    const int64_t groups = n * shape_.num_groups();
    rows.q.resize(n * shape_.in);
    rows.scales.resize(groups);
    rows.zeros.resize(groups);
    rows.offsets.clear();
    for (int64_t g = 0; g < groups; ++g) {
      round_group(w + g * shape_.group, &rows.q[g * shape_.group], rows.scales[g], rows.zeros[g]);
    }
  }

 private:
  void round_group(const float* w, uint8_t* q, float& scale, uint8_t& zero) const {
    const auto [low, high] = extremes(w, shape_.group);
    const float levels = static_cast<float>((1 << shape_.bits) - 1);
    if (shape_.bits == 8) {
      scale = std::max(-low, high) / 127.0f;
      zero = 128;
    } else {
      // Zero itself stays exact.
      scale = (std::max(high, 0.0f) - std::min(low, 0.0f)) / levels;
      zero = scale > 0 ? static_cast<uint8_t>(std::nearbyint(-std::min(low, 0.0f) / scale)) : 0;
    }
    round_values(w, shape_.group, scale > 0 ? 1.0f / scale : 0.0f, zero, levels, q);
  }

  at::Tensor weight_;
};

}  // namespace

Result<QuantizedWeightPtr> join_rows(std::vector<QuantizedWeightPtr> parts,
                                     const std::string& name) {
  if (parts.size() == 1) return std::move(parts.front());
  kernels::PackedShape shape = parts.front()->shape();
  shape.out = 0;
  for (const QuantizedWeightPtr& part : parts) {
    const kernels::PackedShape& other = part->shape();
    if (other.in != shape.in || other.group != shape.group || other.bits != shape.bits ||
        part->input_order() != parts.front()->input_order() ||
        part->has_offsets() != parts.front()->has_offsets()) {
      return unsupported(
          "\"{}\": its parts are quantised in different ways ({} bits in groups of "
          "{}, {} bits in groups of {})",
          name, shape.bits, shape.group, other.bits, other.group);
    }
    shape.out += other.out;
  }
  return std::make_unique<JoinedRows>(shape, std::move(parts));
}

QuantizedWeightPtr slice_rows(QuantizedWeightPtr whole, int64_t begin, int64_t out) {
  kernels::PackedShape shape = whole->shape();
  GLMV_CHECK(begin >= 0 && out > 0 && begin + out <= shape.out, "rows {} + {} of {}", begin, out,
             shape.out);
  if (out == shape.out) return whole;
  shape.out = out;
  return std::make_unique<SlicedRows>(shape, std::move(whole), begin);
}

QuantizedWeightPtr round_to_nearest(at::Tensor weight, int bits, int64_t group) {
  GLMV_CHECK(weight.dim() == 2 && (bits == 4 || bits == 8));
  const int64_t in = weight.size(1);
  GLMV_CHECK(in % group == 0, "groups of {} in {}", group, in);
  return std::make_unique<RoundedRows>(
      kernels::PackedShape{.out = weight.size(0), .in = in, .group = group, .bits = bits},
      std::move(weight));
}

}  // namespace glmv::quant
