#include <immintrin.h>

#include <array>
#include <bit>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/avx512_attend-inl.h"
#include "glmv/kernels/impl/avx512x16-inl.h"
#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/impl/packed_tiles-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

struct Avx512Bf16 {
  static constexpr int kStep = 32;
  using Word = __m512i;  // 32 bf16
  using Acc = __m512;
  static Word load(const uint16_t* p) { return _mm512_loadu_si512(p); }
  static Word load_tail(const uint16_t* p, int n) {
    return _mm512_maskz_loadu_epi16((1u << n) - 1, p);
  }
  static Acc zero() { return _mm512_setzero_ps(); }
  static Acc mul_add(Acc acc, Word w, Word x) {
    return _mm512_dpbf16_ps(acc, std::bit_cast<__m512bh>(w), std::bit_cast<__m512bh>(x));
  }
  static float sum(Acc acc) { return _mm512_reduce_add_ps(acc); }
};


struct VnniDot : Avx512x16 {
  static Int dot(Int acc, Int w, Int x) { return _mm512_dpbusd_epi32(acc, w, x); }
  static Int dot_small(Int acc, Int w, Int x) { return dot(acc, w, x); }
  static Int pairs(Float a, Float b) {
    // The lower halves come from the second operand, in order: words of a and b must alternate.
    const __m512i halves = std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));  // a0..a15 b0..b15
    return _mm512_permutexvar_epi16(alternating(), halves);
  }
  static Int alternating() {
    alignas(64) static constexpr auto kOrder = [] {
      std::array<uint16_t, 32> order{};
      for (int i = 0; i < 16; ++i) {
        order[2 * i] = static_cast<uint16_t>(i);
        order[2 * i + 1] = static_cast<uint16_t>(16 + i);
      }
      return order;
    }();
    return _mm512_load_si512(kOrder.data());
  }
};

}  // namespace

const KernelTable kAvx512Bf16Kernels = {
    "avx512_bf16", gemv_bf16<Avx512Bf16>,
    packed_product<VnniDot, Int8Rows>, packed_product<VnniDot, FloatRows>,
    block_to_bytes<VnniDot>, block_to_pairs<VnniDot>, add_group<VnniDot>,
    quantize_row,
    attend_paged<Avx512Lanes, uint16_t>, attend_paged<Avx512Lanes, float>};

}  // namespace glmv::kernels
