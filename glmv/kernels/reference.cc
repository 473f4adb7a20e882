#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

double widen(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

void gemv_bf16(const uint16_t* w, int64_t begin, int64_t end, int64_t in, const uint16_t* x,
               int batch, float* y, int64_t ldy) {
  for (int b = 0; b < batch; ++b) {
    for (int64_t row = begin; row < end; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i) sum += widen(w[row * in + i]) * widen(x[b * in + i]);
      y[b * ldy + (row - begin)] = static_cast<float>(sum);
    }
  }
}

// Sums over the unpacked weights; `x_at(row, group, k)` is an activation.
template <class Value>
void packed_sums(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                 int64_t num_rows, const Value& x_at, float* y, int64_t ldy) {
  std::vector<float> rows(kPackRows * shape.in);
  for (int64_t b = begin; b < end; ++b) {
    unpack_rows(shape, w + b * shape.row_block_bytes(), rows.data());
    for (int64_t o = b * kPackRows; o < std::min((b + 1) * kPackRows, shape.out); ++o) {
      const float* weights = &rows[(o - b * kPackRows) * shape.in];
      for (int64_t r = 0; r < num_rows; ++r) {
        double sum = 0;
        for (int64_t i = 0; i < shape.in; ++i) {
          sum += double(weights[i]) * x_at(r, i / shape.group, i % shape.group);
        }
        y[r * ldy + o] = static_cast<float>(sum);
      }
    }
  }
}

void packed_int8(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                 const Int8Rows& x, float* y, int64_t ldy) {
  const auto x_at = [&](int64_t r, int64_t g, int64_t k) {
    return double(x.q[r * shape.padded_in() + g * shape.padded_group() + k]) *
           double(x.scales[r * shape.num_groups() + g]);
  };
  packed_sums(shape, w, begin, end, x.num_rows, x_at, y, ldy);
}

void packed_float(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                  const FloatRows& x, float* y, int64_t ldy) {
  const auto x_at = [&](int64_t r, int64_t g, int64_t k) {
    return double(x.x[r * shape.padded_in() + g * shape.padded_group() + k]);
  };
  packed_sums(shape, w, begin, end, x.num_rows, x_at, y, ldy);
}

void block_to_pairs(const PackedShape& shape, const std::byte* block, uint16_t* out) {
  PackedShape one = shape;
  one.in = shape.group;
  std::vector<float> rows(kPackRows * one.in);
  unpack_rows(one, block, rows.data());
  for (int64_t k = 0; k < shape.padded_group(); ++k) {
    for (int r = 0; r < kPackRows; ++r) {
      const float value = k < shape.group ? rows[r * one.in + k] : 0.0f;
      const auto bits = std::bit_cast<uint32_t>(value);
      out[k / 2 * 2 * kPackRows + r * 2 + k % 2] =
          static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
  }
}

void quantize_row(const PackedShape& shape, const float* x, int8_t* q, float* scales,
                  int32_t* sums) {
  std::fill(q, q + shape.padded_in(), int8_t{0});
  for (int64_t g = 0; g < shape.num_groups(); ++g) {
    const float* in = x + g * shape.group;
    double largest = 0;
    for (int64_t k = 0; k < shape.group; ++k) largest = std::max(largest, std::fabs(double(in[k])));
    scales[g] = static_cast<float>(largest / 127);
    sums[g] = 0;
    for (int64_t k = 0; k < shape.group && largest > 0; ++k) {
      const auto value = static_cast<int8_t>(std::nearbyint(in[k] * 127 / largest));
      q[g * shape.padded_group() + k] = value;
      sums[g] += value;
    }
  }
}

void fp8_product(const Fp8Matrix& w, int64_t begin, int64_t end, const float* x, int64_t num_rows,
                 float* y, int64_t ldy) {
  for (int64_t r = 0; r < num_rows; ++r) {
    for (int64_t o = begin; o < end; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < w.in; ++i) {
        sum += double(fp8_value(w.codes[o * w.in + i])) *
               double(w.scales[o * w.num_blocks() + i / w.block]) * double(x[r * w.in + i]);
      }
      y[r * ldy + (o - begin)] = static_cast<float>(sum);
    }
  }
}

void fp8_to_bf16(const uint8_t* codes, int64_t n, float scale, uint16_t* out) {
  for (int64_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<uint32_t>(fp8_value(codes[i]) * scale);
    out[i] = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}

double widen(float value) { return value; }
double widen(int8_t value) { return value; }

template <class Q, class T = Q>
void attend(const PagedHead& kv, int64_t begin, int64_t end, const void* q_in, int64_t group,
            float scale, float* out, float* max, float* sum) {
  const Q* q = static_cast<const Q*>(q_in);
  const auto row = [&](int64_t t, int64_t offset) {
    return static_cast<const T*>(kv.blocks[t / kv.block_tokens]) + offset +
           t % kv.block_tokens * kv.head_dim;
  };
  // Of int8 rows.
  const auto row_scale = [&](int64_t t, int64_t offset) {
    if (!std::is_same_v<T, int8_t>) return 1.0;
    const T* end = row(t - t % kv.block_tokens, offset) + kv.block_tokens * kv.head_dim;
    float scale;
    std::memcpy(&scale, end + t % kv.block_tokens * sizeof scale, sizeof scale);
    return double(scale);
  };
  for (int64_t h = 0; h < group; ++h) {
    std::vector<double> scores;
    for (int64_t t = begin; t < end; ++t) {
      const T* key = row(t, kv.key_offset);
      double dot = 0;
      for (int64_t e = 0; e < kv.head_dim; ++e) {
        dot += widen(q[h * kv.head_dim + e]) * widen(key[e]);
      }
      scores.push_back(dot * scale * row_scale(t, kv.key_offset));
    }
    const double top = *std::max_element(scores.begin(), scores.end());
    std::vector<double> row_sum(kv.head_dim);
    double total = 0;
    for (int64_t t = begin; t < end; ++t) {
      const double p = std::exp(scores[t - begin] - top);
      const T* value = row(t, kv.value_offset);
      const double weight = p * row_scale(t, kv.value_offset);
      for (int64_t e = 0; e < kv.head_dim; ++e) row_sum[e] += weight * widen(value[e]);
      total += p;
    }
    max[h] = static_cast<float>(top);
    sum[h] = static_cast<float>(total);
    for (int64_t e = 0; e < kv.head_dim; ++e) {
      out[h * kv.head_dim + e] = static_cast<float>(row_sum[e]);
    }
  }
}

constexpr KernelTable kReference = {"reference",
                                    gemv_bf16,
                                    packed_int8,
                                    packed_float,
                                    block_to_pairs,
                                    quantize_row,
                                    fp8_product,
                                    fp8_to_bf16,
                                    attend<uint16_t>,
                                    attend<float>,
                                    attend<uint16_t, int8_t>};

}  // namespace

const KernelTable& reference_kernels() { return kReference; }

}  // namespace glmv::kernels
