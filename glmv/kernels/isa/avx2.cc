#include <immintrin.h>

#include "glmv/kernels/impl/gemv_bf16-inl.h"
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
    return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
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

}  // namespace

const KernelTable kAvx2Kernels = {"avx2", gemv_bf16<Avx2>};

}  // namespace glmv::kernels
