#pragma once
// Attention of one query token over keys and values in blocks of 64 tokens, bf16 or int8, for up to
// 16 heads at once: a vector of scores belongs to one key. By the products of `P`:
//   P::Scope      lives while products are computed
//   P::Buffers    what they need beside the cache
//   P::scores(keys, head_dim, num_keys, q, scores, ahead)   scores [64, 16] = keys q
//   P::weigh(p, values, head_dim, num_keys, heads, out, buffers, ahead)   out [16, head_dim] += p
//   values
// Both get bf16 rows: those of int8 are widened, which is exact, and their scales join the scores
// and the weights. What does not suit goes the way of attend-inl.h. Everything is in an unnamed
// namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/words512-inl.h"

namespace glmv::kernels {
namespace {

constexpr int kHeadsAtOnce = 16;
constexpr int kMinHeadsAtOnce = 4;  // fewer waste most of a vector

// Asks for the keys and values of the next block a few lines at a time, all through the work on
// this one: a core has few places for lines that are on their way, and memory is never idle so.
class Ahead {
 public:
  static constexpr int64_t kLine = 64;

  Ahead() = default;
  Ahead(const void* keys, const void* values, int64_t num_bytes)
      : next_(static_cast<const std::byte*>(keys)),
        end_(next_ + num_bytes),
        values_(static_cast<const std::byte*>(values)),
        num_bytes_(num_bytes) {}
  void ask(int lines) {
    for (int i = 0; i < lines && next_ < end_; ++i, next_ += kLine) __builtin_prefetch(next_, 0, 2);
    if (next_ < end_ || values_ == nullptr) return;
    next_ = values_;
    end_ = values_ + num_bytes_;
    values_ = nullptr;
  }

 private:
  const std::byte* next_ = nullptr;
  const std::byte* end_ = nullptr;
  const std::byte* values_ = nullptr;
  int64_t num_bytes_ = 0;
};

// bf16 of a in the lower, of b in the upper half of each lane.
__m512i halves(__m512 a, __m512 b) {
  const auto rounded = std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));  // a0..a15 b0..b15
  const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(rounded));
  const __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(rounded, 1));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// n int8 as bf16, n a multiple of 32.
inline void widen_to_bf16(const int8_t* in, int64_t n, uint16_t* out) {
  const auto floats = [](const int8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  };
  for (int64_t i = 0; i < n; i += 32) {
    const __m512bh words = _mm512_cvtne2ps_pbh(floats(in + i + 16), floats(in + i));
    _mm512_storeu_si512(out + i, std::bit_cast<__m512i>(words));
  }
}

// Up to 16 heads over rows of T, uint16_t (bf16) or int8_t.
template <class P, class T>
void attend_heads(const PagedHead& kv, int64_t begin, int64_t end, const uint16_t* q, int heads,
                  float scale, float* out, float* max_out, float* sum_out) {
  using V = Avx512Lanes;
  constexpr bool kInt8 = std::is_same_v<T, int8_t>;
  constexpr int kLanes = kHeadsAtOnce;
  struct alignas(64) Scratch {         // stays in the first-level cache, but for rows
    uint16_t q[kMaxHeadDim * kLanes];  // pairs of dimensions, [head_dim / 2, 16 heads, 2]
    float scores[kMaxBlockTokens * kLanes];
    float out[kLanes * kMaxHeadDim];
    typename P::Buffers buffers;
    uint16_t rows[kInt8 ? kMaxBlockTokens * kMaxHeadDim : 32];
  };
  const int64_t head_dim = kv.head_dim;
  const int64_t row_elements = kMaxBlockTokens * head_dim;
  Scratch s;
  for (int64_t e = 0; e < head_dim; e += 2) {
    for (int h = 0; h < kLanes; ++h) {
      uint32_t pair = 0;
      if (h < heads) std::memcpy(&pair, q + h * head_dim + e, 4);
      std::memcpy(s.q + e * kLanes + 2 * h, &pair, 4);
    }
  }
  const auto bf16_rows = [&s, row_elements](const T* rows) -> const uint16_t* {
    if constexpr (kInt8) {
      widen_to_bf16(rows, row_elements, s.rows);
      return s.rows;
    } else {
      return rows;
    }
  };
  std::fill(s.out, s.out + kLanes * head_dim, 0.0f);
  __m512 top = V::set(kNoScore);  // lane: head
  __m512 total = V::zero();
  [[maybe_unused]] const typename P::Scope scope{};
  for (int64_t t = begin; t < end; t += kMaxBlockTokens) {
    const int64_t num_keys = std::min(kMaxBlockTokens, end - t);
    const auto* base = static_cast<const T*>(kv.blocks[t / kMaxBlockTokens]);
    const T* keys = base + kv.key_offset;
    const T* values = base + kv.value_offset;
    Ahead ahead;
    if (t + kMaxBlockTokens < end) {
      const auto* next = static_cast<const T*>(kv.blocks[t / kMaxBlockTokens + 1]);
      ahead = Ahead(next + kv.key_offset, next + kv.value_offset,
                    row_elements * static_cast<int64_t>(sizeof(T)));
    }
    P::scores(bf16_rows(keys), head_dim, num_keys, s.q, s.scores, ahead);
    __m512 higher = top;
    for (int64_t k = 0; k < num_keys; ++k) {
      const float factor = scale * row_scale(keys, row_elements, k);
      const __m512 score = _mm512_mul_ps(V::load(s.scores + k * kLanes), V::set(factor));
      V::store(s.scores + k * kLanes, score);
      higher = V::max(score, higher);
      ahead.ask(2);
    }
    if (_mm512_cmp_ps_mask(higher, top, _CMP_NEQ_UQ) != 0) {
      const __m512 factor = V::exp(V::sub(top, higher));
      total = _mm512_mul_ps(total, factor);
      top = higher;
      alignas(64) float factors[kLanes];
      V::store(factors, factor);
      for (int h = 0; h < kLanes; ++h) {
        for (int64_t e = 0; e < head_dim; e += V::kLanes) {
          float* at = s.out + h * head_dim + e;
          V::store(at, _mm512_mul_ps(V::load(at), V::set(factors[h])));
        }
      }
    }
    for (int64_t k = 0; k < num_keys; ++k) {
      __m512 p = V::exp(V::sub(V::load(s.scores + k * kLanes), top));
      total = V::add(total, p);
      if constexpr (kInt8) p = _mm512_mul_ps(p, V::set(row_scale(values, row_elements, k)));
      V::store(s.scores + k * kLanes, p);
      ahead.ask(2);
    }
    std::fill(s.scores + num_keys * kLanes, s.scores + kMaxBlockTokens * kLanes, 0.0f);
    P::weigh(s.scores, bf16_rows(values), head_dim, num_keys, heads, s.out, s.buffers, ahead);
  }
  std::copy(s.out, s.out + heads * head_dim, out);
  const auto lanes = static_cast<__mmask16>((1u << heads) - 1);
  _mm512_mask_storeu_ps(max_out, lanes, top);
  _mm512_mask_storeu_ps(sum_out, lanes, total);
}

template <class P, class T>
void attend_by(const PagedHead& kv, int64_t begin, int64_t end, const void* q_in, int64_t group,
               float scale, float* out, float* max, float* sum) {
  const auto* q = static_cast<const uint16_t*>(q_in);
  const bool suits = kv.block_tokens == kMaxBlockTokens && kv.head_dim % 32 == 0;
  int64_t h = 0;
  while (suits && group - h >= kMinHeadsAtOnce) {
    const auto heads = std::min<int64_t>(kHeadsAtOnce, group - h);
    attend_heads<P, T>(kv, begin, end, q + h * kv.head_dim, static_cast<int>(heads), scale,
                       out + h * kv.head_dim, max + h, sum + h);
    h += heads;
  }
  if (h < group) {
    attend_paged<Avx512Lanes, uint16_t, T>(kv, begin, end, q + h * kv.head_dim, group - h, scale,
                                           out + h * kv.head_dim, max + h, sum + h);
  }
}

}  // namespace
}  // namespace glmv::kernels
