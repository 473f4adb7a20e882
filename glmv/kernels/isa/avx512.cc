#include <immintrin.h>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/avx512x16-inl.h"
#include "glmv/kernels/impl/flash-inl.h"
#include "glmv/kernels/impl/fp8-inl.h"
#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/impl/many_rows-inl.h"
#include "glmv/kernels/impl/packed_tiles-inl.h"
#include "glmv/kernels/impl/quantize_tiles-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

struct Avx512 {
  static constexpr int kStep = 32;
  using Word = __m512i;  // 32 bf16
  struct Acc {
    __m512 even;
    __m512 odd;
  };
  static Word load(const uint16_t* p) { return _mm512_loadu_si512(p); }
  static Word load_tail(const uint16_t* p, int n) {
    return _mm512_maskz_loadu_epi16((1u << n) - 1, p);
  }
  static Acc zero() { return {_mm512_setzero_ps(), _mm512_setzero_ps()}; }
  static __m512 even(Word v) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); }
  static __m512 odd(Word v) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(v, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  }
  static Acc mul_add(Acc acc, Word w, Word x) {
    return {_mm512_fmadd_ps(even(w), even(x), acc.even), _mm512_fmadd_ps(odd(w), odd(x), acc.odd)};
  }
  static float sum(Acc acc) { return _mm512_reduce_add_ps(_mm512_add_ps(acc.even, acc.odd)); }
};

// 24 sums of 16 lanes in registers, two vectors of columns, one of a row.
using Operands = FloatOperands<Avx512Lanes, 12, 2>;

// Without VNNI, as in avx2.cc.
struct Avx512Dot : Avx512x16 {
  static Int dot(Int acc, Int w, Int x) {
    const __m512i seven = _mm512_and_si512(w, _mm512_set1_epi8(127));
    const __m512i top = _mm512_and_si512(_mm512_srli_epi16(w, 7), _mm512_set1_epi8(1));
    const __m512i ones = _mm512_set1_epi16(1);
    const __m512i low = _mm512_madd_epi16(_mm512_maddubs_epi16(seven, x), ones);
    const __m512i high = _mm512_madd_epi16(_mm512_maddubs_epi16(top, x), ones);
    return _mm512_add_epi32(acc, _mm512_add_epi32(low, _mm512_slli_epi32(high, 7)));
  }
  static Int dot_small(Int acc, Int w, Int x) {
    const __m512i pairs = _mm512_maddubs_epi16(w, x);
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
};

// For many_rows-inl.h: sums of 16 bits, which hold 8 steps of products of 4 bits.
struct Dots512 {
  using Int = __m512i;
  static constexpr int kLanes = 16;
  static constexpr int kRows = 8;
  static constexpr int kVectors = 2;
  template <int kBits>
  static constexpr int kPlanes = kBits == 8 ? 2 : 1;
  static constexpr bool kSumsAreWide = false;
  static constexpr int64_t kStepsAtOnce = 8;
  static Int load(const void* p) { return _mm512_loadu_si512(p); }
  static Int set(int32_t x) { return _mm512_set1_epi32(x); }
  static Int begin(const int32_t*) { return _mm512_setzero_si512(); }
  static Int dot(Int partial, Int w, Int x) {
    return _mm512_add_epi16(partial, _mm512_maddubs_epi16(w, x));
  }
  template <int kPlane>
  static void end(Int partial, int32_t* sums) {
    const Int wide = _mm512_madd_epi16(partial, _mm512_set1_epi16(1 << (4 * kPlane)));
    _mm512_storeu_si512(sums, _mm512_add_epi32(load(sums), wide));
  }
};

const TileProducts kProducts = {quantize_tiles, many_rows_int8<Avx512Dot, Dots512>,
                                many_rows_bf16<Avx512Dot, Operands>, 8, 8};

}  // namespace

const KernelTable kAvx512Kernels = {"avx512",
                                    gemv_bf16<Avx512>,
                                    packed_product<Avx512Dot, Int8Rows>,
                                    packed_product<Avx512Dot, FloatRows>,
                                    block_to_pairs<Avx512Dot>,
                                    quantize_row,
                                    fp8_product<Avx512Dot>,
                                    fp8_to_bf16<Avx512Dot>,
                                    attend_paged<Avx512Lanes, uint16_t>,
                                    attend_paged<Avx512Lanes, float>,
                                    attend_paged<Avx512Lanes, uint16_t, int8_t>,
                                    &kProducts,
                                    &kFlash<Operands, uint16_t>,
                                    &kFlash<Operands, float>};

}  // namespace glmv::kernels
