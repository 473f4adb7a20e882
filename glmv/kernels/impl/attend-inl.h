#pragma once
// Attention of one query token over keys and values in blocks, over a vector type V:
//   V::kLanes      floats in a V::Float; V::zero(), V::set(x), V::load(p), V::store(p, v)
//   V::widen(p)    kLanes elements (bf16, float or int8) as floats
//   V::mul_add(a, b, c), mul, add, sub, max, exp (of values <= 0)
//   V::sums(acc)   lane i: the sum of the lanes of acc[i], for kLanes accumulators
// A tile of heads reads every key once and keeps all its dot products in registers: lane i of a
// vector of scores is key i / kHeads and head i % kHeads. Softmax is exact, rescaled block by block
// when the largest score grows (Milakov and Gimelshein, arXiv 1805.02867).
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

constexpr float kNoScore = -std::numeric_limits<float>::infinity();

// The scale of row k of a block of `num_elements`: int8 rows have theirs behind the last of them.
template <class T>
float row_scale(const T* rows, int64_t num_elements, int64_t k) {
  if constexpr (std::is_same_v<T, int8_t>) {
    return reinterpret_cast<const float*>(rows + num_elements)[k];
  }
  return 1.0f;
}

// x [num_keys, kHeads] times the scales of int8 rows.
template <int kHeads, class T>
void apply_row_scales(const T* rows, int64_t num_elements, int64_t num_keys, float* x) {
  if constexpr (std::is_same_v<T, int8_t>) {
    for (int64_t k = 0; k < num_keys; ++k) {
      const float scale = row_scale(rows, num_elements, k);
      for (int h = 0; h < kHeads; ++h) x[k * kHeads + h] *= scale;
    }
  }
}

// scores [num_keys, kHeads] of the first num_keys keys; up to a whole vector is written behind
// them.
template <class V, int kHeads, class T>
void score_block(const T* keys, const T* values, int64_t head_dim, int64_t num_keys, const float* q,
                 float* scores) {
  constexpr int kKeys = V::kLanes / kHeads;
  for (int64_t k = 0; k < num_keys; k += kKeys) {
    typename V::Float acc[V::kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < V::kLanes; ++i) acc[i] = V::zero();
    for (int64_t e = 0; e < head_dim; e += V::kLanes) {
#pragma GCC unroll 16
      for (int j = 0; j < kKeys; ++j) {
        const typename V::Float key = V::widen(keys + (k + j) * head_dim + e);
#pragma GCC unroll 16
        for (int h = 0; h < kHeads; ++h) {
          acc[j * kHeads + h] = V::mul_add(key, V::load(q + h * head_dim + e), acc[j * kHeads + h]);
        }
      }
    }
    // The values of these keys are needed next.
    for (int64_t e = 0; e < kKeys * head_dim; e += 64 / static_cast<int64_t>(sizeof(T))) {
      __builtin_prefetch(values + k * head_dim + e, 0, 3);
    }
    V::store(scores + k * kHeads, V::sums(acc));
  }
}

// out [kHeads, head_dim] += sum over keys of p [num_keys, kHeads] * values, for kRows heads and
// kVectors vectors of a row at a time.
template <class V, int kHeads, int kRows, int kVectors, class T>
void add_values(const T* values, int64_t head_dim, int64_t num_keys, const float* p, float* out) {
  typename V::Float acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int h = 0; h < kRows; ++h) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[h][v] = V::load(out + h * head_dim + v * V::kLanes);
  }
  for (int64_t t = 0; t < num_keys; ++t) {
    typename V::Float x[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) x[v] = V::widen(values + t * head_dim + v * V::kLanes);
#pragma GCC unroll 16
    for (int h = 0; h < kRows; ++h) {
      const typename V::Float weight = V::set(p[t * kHeads + h]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) acc[h][v] = V::mul_add(weight, x[v], acc[h][v]);
    }
  }
#pragma GCC unroll 16
  for (int h = 0; h < kRows; ++h) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) V::store(out + h * head_dim + v * V::kLanes, acc[h][v]);
  }
}

template <class V, int kHeads, class T>
void weigh_block(const T* values, int64_t head_dim, int64_t num_keys, const float* p, float* out) {
  constexpr int kRows = std::max(1, std::min(kHeads, V::kLanes / 2));
  for (int h = 0; h < kHeads; h += kRows) {
    int64_t e = 0;
    for (; e + 2 * V::kLanes <= head_dim; e += 2 * V::kLanes) {
      add_values<V, kHeads, kRows, 2>(values + e, head_dim, num_keys, p + h,
                                      out + h * head_dim + e);
    }
    for (; e < head_dim; e += V::kLanes) {
      add_values<V, kHeads, kRows, 1>(values + e, head_dim, num_keys, p + h,
                                      out + h * head_dim + e);
    }
  }
}

// kHeads heads; q is scaled already.
template <class V, int kHeads, class T>
void attend_tile(const PagedHead& kv, int64_t begin, int64_t end, const float* q, float* out,
                 float* max, float* sum) {
  using Float = typename V::Float;
  const int64_t head_dim = kv.head_dim;
  alignas(64) float scores[kMaxBlockTokens * kHeads];
  alignas(64) float lanes[V::kLanes];
  // Folds a vector over its keys: f(head, value).
  const auto fold = [&lanes](Float v, const auto& f) {
    V::store(lanes, v);
    for (int i = 0; i < V::kLanes; ++i) f(i % kHeads, lanes[i]);
  };
  std::fill(out, out + kHeads * head_dim, 0.0f);
  std::fill(max, max + kHeads, kNoScore);
  std::fill(sum, sum + kHeads, 0.0f);
  for (int64_t t = begin; t < end; t += kv.block_tokens) {
    const int64_t num_keys = std::min(kv.block_tokens, end - t);
    const T* base = static_cast<const T*>(kv.blocks[t / kv.block_tokens]);
    const T* values = base + kv.value_offset;
    const T* keys = base + kv.key_offset;
    score_block<V, kHeads>(keys, values, head_dim, num_keys, q, scores);
    apply_row_scales<kHeads>(keys, kv.block_tokens * head_dim, num_keys, scores);
    const int64_t num_scores = num_keys * kHeads;
    const int64_t padded = (num_scores + V::kLanes - 1) / V::kLanes * V::kLanes;
    std::fill(scores + num_scores, scores + padded, kNoScore);

    Float top = V::set(kNoScore);
    for (int64_t i = 0; i < padded; i += V::kLanes) top = V::max(V::load(scores + i), top);
    float next[kHeads];
    std::copy(max, max + kHeads, next);
    fold(top, [&next](int h, float x) { next[h] = std::max(next[h], x); });
    for (int i = 0; i < V::kLanes; ++i) lanes[i] = next[i % kHeads];
    const Float shift = V::load(lanes);
    Float total = V::zero();
    for (int64_t i = 0; i < padded; i += V::kLanes) {
      const Float p = V::exp(V::sub(V::load(scores + i), shift));
      total = V::add(total, p);
      V::store(scores + i, p);
    }
    for (int h = 0; h < kHeads; ++h) {
      if (next[h] == max[h]) continue;
      const float factor = std::exp(max[h] - next[h]);
      sum[h] *= factor;
      for (int64_t e = 0; e < head_dim; ++e) out[h * head_dim + e] *= factor;
      max[h] = next[h];
    }
    fold(total, [sum](int h, float x) { sum[h] += x; });
    apply_row_scales<kHeads>(values, kv.block_tokens * head_dim, num_keys, scores);
    weigh_block<V, kHeads>(values, head_dim, num_keys, scores, out);
  }
}

inline float element(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}
inline float element(float value) { return value; }

// Queries of Q, keys and values of T.
template <class V, class Q, class T = Q>
void attend_paged(const PagedHead& kv, int64_t begin, int64_t end, const void* q, int64_t group,
                  float scale, float* out, float* max, float* sum) {
  alignas(64) float scaled[V::kLanes * kMaxHeadDim];
  const Q* rows = static_cast<const Q*>(q);
  // The largest power of two first: no lane is wasted.
  for (int64_t h = 0; h < group;) {
    const auto heads = static_cast<int64_t>(
        std::bit_floor(static_cast<uint64_t>(std::min<int64_t>(group - h, V::kLanes))));
    for (int64_t i = 0; i < heads * kv.head_dim; ++i) {
      scaled[i] = element(rows[h * kv.head_dim + i]) * scale;
    }
    const auto run = [&]<int kHeads>() {
      if constexpr (kHeads <= V::kLanes) {
        attend_tile<V, kHeads, T>(kv, begin, end, scaled, out + h * kv.head_dim, max + h, sum + h);
      }
    };
    switch (heads) {
      case 1:
        run.template operator()<1>();
        break;
      case 2:
        run.template operator()<2>();
        break;
      case 4:
        run.template operator()<4>();
        break;
      case 8:
        run.template operator()<8>();
        break;
      default:
        run.template operator()<16>();
        break;
    }
    h += heads;
  }
}

}  // namespace
}  // namespace glmv::kernels
