#pragma once
// For attend_heads-inl.h: products by vdpbf16ps, of two bf16 a lane. Weights are rounded to bf16,
// as the reference rounds its probabilities.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/impl/attend_heads-inl.h"
#include "glmv/kernels/impl/pairs512-inl.h"

namespace glmv::kernels {
namespace {

struct PairAttention {
  struct Scope {};
  struct Buffers {
    alignas(64) uint32_t weights[kMaxBlockTokens / 2 * kHeadsAtOnce];  // [pairs of keys, heads]
  };

  // kDim: head_dim where the compiler shall know it, or 0.
  template <int kDim>
  static void scores_of(const uint16_t* keys, int64_t dim, int64_t num_keys, const uint16_t* q,
                        float* scores, Ahead& ahead) {
    constexpr int kKeys = 16;
    constexpr int64_t kDims =
        32;  // between two looks ahead: a branch among the sums would move them
    const int64_t head_dim = kDim != 0 ? kDim : dim;
    for (int64_t k = 0; k < num_keys; k += kKeys) {
      const uint16_t* first = keys + k * head_dim;
      __m512 sums[kKeys];
#pragma GCC unroll 16
      for (int i = 0; i < kKeys; ++i) sums[i] = _mm512_setzero_ps();
      for (int64_t e = 0; e < head_dim; e += kDims) {
        ahead.ask(16);
        for (int i = 0; i < kKeys; ++i) {  // what this loop reads next, from the second-level cache
          _mm_prefetch(first + i * head_dim + e + kDims, _MM_HINT_T0);
        }
        for (int64_t d = e; d < e + kDims; d += 2) {
          const __m512 heads = _mm512_load_ps(q + d * kHeadsAtOnce);
#pragma GCC unroll 16
          for (int i = 0; i < kKeys; ++i) {
            sums[i] = add_broadcast(sums[i], heads, first + i * head_dim + d);
          }
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < kKeys; ++i) _mm512_store_ps(scores + (k + i) * kHeadsAtOnce, sums[i]);
    }
  }
  static void scores(const uint16_t* keys, int64_t head_dim, int64_t num_keys, const uint16_t* q,
                     float* scores, Ahead& ahead) {
    switch (head_dim) {
      case 64:
        return scores_of<64>(keys, head_dim, num_keys, q, scores, ahead);
      case 128:
        return scores_of<128>(keys, head_dim, num_keys, q, scores, ahead);
      default:
        return scores_of<0>(keys, head_dim, num_keys, q, scores, ahead);
    }
  }
  // sum + the products of the pairs of `x` and the one at `pair`.
  static __m512 add_broadcast(__m512 sum, __m512 x, const uint16_t* pair) {
    using Pair = uint32_t __attribute__((may_alias, aligned(2)));
    asm("vdpbf16ps %2%{1to16%}, %1, %0"
        : "+v"(sum)
        : "v"(x), "m"(*reinterpret_cast<const Pair*>(pair)));
    return sum;
  }

  static void weigh(const float* p, const uint16_t* values, int64_t head_dim, int64_t num_keys,
                    int heads, float* out, Buffers& buffers, Ahead&) {
    for (int64_t k = 0; k < num_keys; k += 2) {
      const __m512i both =
          halves(_mm512_load_ps(p + k * kHeadsAtOnce), _mm512_load_ps(p + (k + 1) * kHeadsAtOnce));
      _mm512_store_si512(buffers.weights + k / 2 * kHeadsAtOnce, both);
    }
    for (int64_t e = 0; e < head_dim; e += 32) {
      for (int h = 0; h < heads; h += kRows) {
        weigh_heads(buffers.weights + h, values + e, head_dim, num_keys, out + h * head_dim + e);
      }
    }
  }

 private:
  static constexpr int kRows = 8;  // heads whose sums of 32 outputs the registers hold

  static void weigh_heads(const uint32_t* weights, const uint16_t* values, int64_t head_dim,
                          int64_t num_keys, float* out) {
    const __m512i first = in_turn(0), second = in_turn(1);
    __m512 sums[kRows][2];
#pragma GCC unroll 8
    for (int h = 0; h < kRows; ++h) {
      sums[h][0] = _mm512_loadu_ps(out + h * head_dim);
      sums[h][1] = _mm512_loadu_ps(out + h * head_dim + 16);
    }
    const auto add_pair = [&](int64_t k, __m512i a, __m512i b) {
      const __m512 low = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, first, b));
      const __m512 high = _mm512_castsi512_ps(_mm512_permutex2var_epi16(a, second, b));
      const uint32_t* at = weights + k / 2 * kHeadsAtOnce;
#pragma GCC unroll 8
      for (int h = 0; h < kRows; ++h) {
        const __m512 weight = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(at[h])));
        sums[h][0] = PairOperands::mul_add(weight, low, sums[h][0]);
        sums[h][1] = PairOperands::mul_add(weight, high, sums[h][1]);
      }
    };
    int64_t k = 0;
    for (; k + 2 <= num_keys; k += 2) {
      const uint16_t* row = values + k * head_dim;
      _mm_prefetch(row + 32, _MM_HINT_T0);
      _mm_prefetch(row + head_dim + 32, _MM_HINT_T0);
      add_pair(k, _mm512_loadu_si512(row), _mm512_loadu_si512(row + head_dim));
    }
    // What lies behind the last key may be anything.
    if (k < num_keys) {
      add_pair(k, _mm512_loadu_si512(values + k * head_dim), _mm512_setzero_si512());
    }
#pragma GCC unroll 8
    for (int h = 0; h < kRows; ++h) {
      _mm512_storeu_ps(out + h * head_dim, sums[h][0]);
      _mm512_storeu_ps(out + h * head_dim + 16, sums[h][1]);
    }
  }
};

}  // namespace
}  // namespace glmv::kernels
