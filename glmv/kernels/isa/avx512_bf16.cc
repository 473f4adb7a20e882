#include <immintrin.h>

#include <bit>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/avx512_attend-inl.h"
#include "glmv/kernels/impl/avx512x16-inl.h"
#include "glmv/kernels/impl/fp8-inl.h"
#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/impl/packed_tiles-inl.h"
#include "glmv/kernels/impl/vnni_dot-inl.h"
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


}  // namespace

const KernelTable kAvx512Bf16Kernels = {
    "avx512_bf16", gemv_bf16<Avx512Bf16>,
    packed_product<VnniDot, Int8Rows>, packed_product<VnniDot, FloatRows>,
    block_to_pairs<VnniDot>,
    quantize_row, fp8_product<VnniDot>, fp8_to_bf16<VnniDot>,
    attend_paged<Avx512Lanes, uint16_t>, attend_paged<Avx512Lanes, float>};

}  // namespace glmv::kernels
