#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "glmv/kernels/impl/attend_pairs-inl.h"
#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/avx512x16-inl.h"
#include "glmv/kernels/impl/flash-inl.h"
#include "glmv/kernels/impl/fp8-inl.h"
#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/impl/many_rows-inl.h"
#include "glmv/kernels/impl/packed_tiles-inl.h"
#include "glmv/kernels/impl/pair_few-inl.h"
#include "glmv/kernels/impl/pairs512-inl.h"
#include "glmv/kernels/impl/quantize_tiles-inl.h"
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

struct VnniDots {
  using Int = __m512i;
  static constexpr int kLanes = 16;
  static constexpr int kRows = 8;
  static constexpr int kVectors = 2;
  template <int kBits>
  static constexpr int kPlanes = 1;
  static constexpr bool kSumsAreWide = true;
  static constexpr int64_t kStepsAtOnce = int64_t{1} << 20;
  static Int load(const void* p) { return _mm512_loadu_si512(p); }
  static Int set(int32_t x) { return _mm512_set1_epi32(x); }
  static Int begin(const int32_t* sums) { return load(sums); }
  // Not by the intrinsic: GCC 12 then copies every sum twice around it.
  static Int dot(Int partial, Int w, Int x) {
    asm("vpdpbusd %2, %1, %0" : "+v"(partial) : "v"(w), "v"(x));
    return partial;
  }
  template <int kPlane>
  static void end(Int partial, int32_t* sums) {
    _mm512_storeu_si512(sums, partial);
  }
};

// bf16 activations go to a library's products (glmv/quant/tile_products.h), or to pairs where these
// are fast.
const TileProducts kProducts = {quantize_tiles, many_rows_int8<VnniDot, VnniDots>, nullptr, 8, 8};

// Fewest clock ticks of eight runs of a panel product.
template <class Op>
uint64_t ticks() {
  constexpr int kDepth = 128;
  constexpr int kColumns = Op::kVectors * 16;
  Lines<float> a(Op::kRows * kDepth), b(kDepth * kColumns), c(Op::kRows * kColumns);
  std::fill_n(a.data(), Op::kRows * kDepth, 0.0f);
  std::fill_n(b.data(), kDepth * kColumns, 0.0f);
  uint64_t fewest = ~uint64_t{0};
  for (int run = 0; run < 8; ++run) {
    const uint64_t begin = __rdtsc();
    multiply_panel<Op, Op::kRows, Op::kVectors, kDepth, kColumns, false>(a.data(), b.data(), kDepth,
                                                                         c.data());
    fewest = std::min<uint64_t>(fewest, __rdtsc() - begin);
  }
  return fewest;
}

}  // namespace

// Per instruction as fast as fp32 on Zen 4, a quarter of its rate on Sapphire Rapids. A panel of
// pairs has twice the products.
bool pairs_are_fast() {
  return ticks<PairOperands>() * 2 < ticks<FloatOperands<Avx512Lanes, 12, 2>>() * 3;
}

const FlashAttention kPairAttention = kFlash<PairOperands, uint16_t>;
const TileProducts kPairProducts = {quantize_tiles, many_rows_int8<VnniDot, VnniDots>,
                                    many_rows_bf16<VnniDot, PairOperands>, 8, 8};
const AttendPaged kPairAttend = attend_by<PairAttention, uint16_t>;
const AttendPaged kPairAttendInt8 = attend_by<PairAttention, int8_t>;
const FewRowProducts kPairFewRows = {nullptr, few_pairs_bf16<VnniDot>, 1};

const KernelTable kAvx512Bf16Kernels = {"avx512_bf16",
                                        gemv_bf16<Avx512Bf16>,
                                        packed_product<VnniDot, Int8Rows>,
                                        packed_product<VnniDot, FloatRows>,
                                        block_to_pairs<VnniDot>,
                                        quantize_row,
                                        fp8_product<VnniDot>,
                                        fp8_to_bf16<VnniDot>,
                                        attend_paged<Avx512Lanes, uint16_t>,
                                        attend_paged<Avx512Lanes, float>,
                                        attend_paged<Avx512Lanes, uint16_t, int8_t>,
                                        &kProducts};

}  // namespace glmv::kernels
