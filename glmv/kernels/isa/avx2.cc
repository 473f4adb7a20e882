#include <immintrin.h>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/avx2_lanes-inl.h"
#include "glmv/kernels/impl/flash-inl.h"
#include "glmv/kernels/impl/fp8-inl.h"
#include "glmv/kernels/impl/fp8_halves-inl.h"
#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/impl/many_rows-inl.h"
#include "glmv/kernels/impl/packed_tiles-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

struct Avx2 {
  static constexpr int kStep = 16;
  using Word = __m256i;  // 16 bf16
  struct Acc {
    __m256 even;
    __m256 odd;
  };
  static Word load(const uint16_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Word load_tail(const uint16_t* p, int n) {
    alignas(32) uint16_t buffer[16] = {};
    for (int i = 0; i < n; ++i) buffer[i] = p[i];
    return load(buffer);
  }
  static Acc zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  // bf16 is the upper half of fp32: even elements are shifted up, odd ones masked in place.
  static __m256 even(Word v) { return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)); }
  static __m256 odd(Word v) {
    return _mm256_castsi256_ps(
        _mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
  }
  static Acc mul_add(Acc acc, Word w, Word x) {
    return {_mm256_fmadd_ps(even(w), even(x), acc.even), _mm256_fmadd_ps(odd(w), odd(x), acc.odd)};
  }
  static float sum(Acc acc) {
    const __m256 v = _mm256_add_ps(acc.even, acc.odd);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
    return _mm_cvtss_f32(s);
  }
};

// 16 rows in two registers.
struct Avx2x16 {
  struct Int {
    __m256i a, b;
  };
  struct Float {
    __m256 a, b;
  };
  static Int zero_int() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static Float zero_float() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Int set(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static Float set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Int load(const uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  static Int load_bytes(const uint8_t* p) {
    return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  static Float load_floats(const uint8_t* p) {
    return {_mm256_loadu_ps(reinterpret_cast<const float*>(p)),
            _mm256_loadu_ps(reinterpret_cast<const float*>(p + 32))};
  }
  static Int low(Int w) {
    const __m256i mask = _mm256_set1_epi8(15);
    return {_mm256_and_si256(w.a, mask), _mm256_and_si256(w.b, mask)};
  }
  static Int high(Int w) { return low({_mm256_srli_epi16(w.a, 4), _mm256_srli_epi16(w.b, 4)}); }
  static __m256i dot(__m256i acc, __m256i w, __m256i x) {
    // vpmaddubsw adds two products in 16 bits and saturates: 255 * 127 * 2 does not fit, so the top
    // bit goes apart: w * x = (w & 127) * x + (w >> 7) * 128 * x.
    const __m256i seven = _mm256_and_si256(w, _mm256_set1_epi8(127));
    const __m256i top = _mm256_and_si256(_mm256_srli_epi16(w, 7), _mm256_set1_epi8(1));
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i low = _mm256_madd_epi16(_mm256_maddubs_epi16(seven, x), ones);
    const __m256i high = _mm256_madd_epi16(_mm256_maddubs_epi16(top, x), ones);
    return _mm256_add_epi32(acc, _mm256_add_epi32(low, _mm256_slli_epi32(high, 7)));
  }
  static __m256i dot_small(__m256i acc, __m256i w, __m256i x) {
    const __m256i pairs = _mm256_maddubs_epi16(w, x);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static Int dot(Int acc, Int w, Int x) { return {dot(acc.a, w.a, x.a), dot(acc.b, w.b, x.b)}; }
  static Int dot_small(Int acc, Int w, Int x) {
    return {dot_small(acc.a, w.a, x.a), dot_small(acc.b, w.b, x.b)};
  }
  template <int kBits>
  static Float field(Int w, int shift) {
    const __m256i mask = _mm256_set1_epi32((1 << kBits) - 1);
    return {_mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(w.a, shift), mask)),
            _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(w.b, shift), mask))};
  }
  static Float to_float(Int v) { return {_mm256_cvtepi32_ps(v.a), _mm256_cvtepi32_ps(v.b)}; }
  static Int sub(Int u, Int v) { return {_mm256_sub_epi32(u.a, v.a), _mm256_sub_epi32(u.b, v.b)}; }
  static Int mul_int(Int u, Int v) {
    return {_mm256_mullo_epi32(u.a, v.a), _mm256_mullo_epi32(u.b, v.b)};
  }
  // The products of the lower halves, signed, where the upper ones are 0.
  static Int mul_words(Int u, Int v) {
    return {_mm256_madd_epi16(u.a, v.a), _mm256_madd_epi16(u.b, v.b)};
  }
  static Float add(Float u, Float v) { return {_mm256_add_ps(u.a, v.a), _mm256_add_ps(u.b, v.b)}; }
  static Float sub(Float u, Float v) { return {_mm256_sub_ps(u.a, v.a), _mm256_sub_ps(u.b, v.b)}; }
  static Float mul(Float u, Float v) { return {_mm256_mul_ps(u.a, v.a), _mm256_mul_ps(u.b, v.b)}; }
  static Float mul_add(Float u, Float v, Float c) {
    return {_mm256_fmadd_ps(u.a, v.a, c.a), _mm256_fmadd_ps(u.b, v.b, c.b)};
  }
  // bf16 in the upper halves of the lanes, rounded to nearest even.
  static __m256i rounded(__m256 v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  }
  static __m256i pairs(__m256 a, __m256 b) {
    return _mm256_blend_epi16(_mm256_srli_epi32(rounded(a), 16), rounded(b), 0xaa);
  }
  static Int pairs(Float u, Float v) { return {pairs(u.a, v.a), pairs(u.b, v.b)}; }
  static Int flip(Int w) {
    const __m256i sign = _mm256_set1_epi8(-128);
    return {_mm256_xor_si256(w.a, sign), _mm256_xor_si256(w.b, sign)};
  }
  static Float load_floats(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static void store_words(uint16_t* p, Int w) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), w.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 16), w.b);
  }
  static void store(float* p, Float v, int n) {
    if (n >= 16) {
      _mm256_storeu_ps(p, v.a);
      _mm256_storeu_ps(p + 8, v.b);
      return;
    }
    float buffer[16];
    _mm256_storeu_ps(buffer, v.a);
    _mm256_storeu_ps(buffer + 8, v.b);
    for (int i = 0; i < n; ++i) p[i] = buffer[i];
  }
  static Float fp8(const uint8_t* p) {
    const __m256i halves = fp8_halves(p);
    return {_mm256_cvtph_ps(_mm256_castsi256_si128(halves)),
            _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1))};
  }
  static void store_bf16(uint16_t* p, Float v) {
    const __m256i words = _mm256_packus_epi32(_mm256_srli_epi32(rounded(v.a), 16),
                                              _mm256_srli_epi32(rounded(v.b), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(words, 0xd8));
  }
  static float sum(Float v) { return Avx2::sum({v.a, v.b}); }
};

// For many_rows-inl.h: sums of 16 bits, which hold 8 steps of products of 4 bits.
struct Dots256 {
  using Int = __m256i;
  static constexpr int kLanes = 8;
  static constexpr int kRows = 4;
  static constexpr int kVectors = 2;
  template <int kBits>
  static constexpr int kPlanes = kBits == 8 ? 2 : 1;
  static constexpr bool kSumsAreWide = false;
  static constexpr int64_t kStepsAtOnce = 8;
  static Int load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static Int set(int32_t x) { return _mm256_set1_epi32(x); }
  static Int begin(const int32_t*) { return _mm256_setzero_si256(); }
  static Int dot(Int partial, Int w, Int x) {
    return _mm256_add_epi16(partial, _mm256_maddubs_epi16(w, x));
  }
  template <int kPlane>
  static void end(Int partial, int32_t* sums) {
    const Int wide = _mm256_madd_epi16(partial, _mm256_set1_epi16(1 << (4 * kPlane)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), _mm256_add_epi32(load(sums), wide));
  }
};

// 12 sums of 8 lanes in registers, two vectors of columns, one of a row.
using Operands = FloatOperands<Avx2Lanes, 6, 2>;

const TileProducts kProducts = {nullptr,
                                many_rows_int8<Avx2x16, Dots256>,
                                many_rows_bf16<Avx2x16, Operands>,
                                8,
                                8,
                                nullptr,
                                many_stored_rows<Avx2x16, Operands>,
                                1};

}  // namespace

const KernelTable kAvx2Kernels = {"avx2",
                                  gemv_bf16<Avx2>,
                                  packed_product<Avx2x16, Int8Rows>,
                                  packed_product<Avx2x16, FloatRows>,
                                  block_to_pairs<Avx2x16>,
                                  quantize_row,
                                  fp8_product<Avx2x16>,
                                  fp8_to_bf16<Avx2x16>,
                                  attend_paged<Avx2Lanes, uint16_t>,
                                  attend_paged<Avx2Lanes, float>,
                                  attend_paged<Avx2Lanes, uint16_t, int8_t>,
                                  &kProducts,
                                  &kFlash<Operands, uint16_t>,
                                  &kFlash<Operands, float>};

}  // namespace glmv::kernels
