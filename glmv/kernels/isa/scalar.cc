#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/fp8-inl.h"
#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/impl/packed_tiles-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

float widen(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

struct Scalar {
  static constexpr int kStep = 1;
  using Word = float;
  using Acc = float;
  static Word load(const uint16_t* p) { return widen(*p); }
  static Word load_tail(const uint16_t* p, int) { return widen(*p); }
  static Acc zero() { return 0.0f; }
  static Acc mul_add(Acc acc, Word w, Word x) { return acc + w * x; }
  static float sum(Acc acc) { return acc; }
};

// 16 rows in plain arrays.
struct Scalar16 {
  struct Int {
    int32_t v[16];
  };
  struct Float {
    float v[16];
  };
  template <class T, class F>
  static T each(const F& f) {
    T out;
    for (int i = 0; i < 16; ++i) out.v[i] = f(i);
    return out;
  }
  static Int zero_int() { return {}; }
  static Float zero_float() { return {}; }
  static Int set(int32_t x) {
    return each<Int>([x](int) { return x; });
  }
  static Float set(float x) {
    return each<Float>([x](int) { return x; });
  }
  static Int load(const uint8_t* p) {
    Int out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
  }
  static Int load_bytes(const uint8_t* p) {
    return each<Int>([p](int i) { return p[i]; });
  }
  static Float load_floats(const uint8_t* p) {
    Float out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
  }
  static Int low(Int w) {
    return each<Int>([&w](int i) { return w.v[i] & 0x0f0f0f0f; });
  }
  static Int high(Int w) {
    return each<Int>([&w](int i) { return w.v[i] >> 4 & 0x0f0f0f0f; });
  }
  static Int dot(Int acc, Int w, Int x) {
    return each<Int>([&](int i) {
      int32_t sum = acc.v[i];
      for (int shift = 0; shift < 32; shift += 8) {
        sum += (w.v[i] >> shift & 255) * static_cast<int8_t>(x.v[i] >> shift & 255);
      }
      return sum;
    });
  }
  static Int dot_small(Int acc, Int w, Int x) { return dot(acc, w, x); }
  template <int kBits>
  static Float field(Int w, int shift) {
    return each<Float>(
        [&](int i) { return static_cast<float>(w.v[i] >> shift & ((1 << kBits) - 1)); });
  }
  static Float to_float(Int a) {
    return each<Float>([&a](int i) { return static_cast<float>(a.v[i]); });
  }
  static Int sub(Int a, Int b) {
    return each<Int>([&](int i) { return a.v[i] - b.v[i]; });
  }
  static Int mul_int(Int a, Int b) {
    return each<Int>([&](int i) { return a.v[i] * b.v[i]; });
  }
  static Float sub(Float a, Float b) {
    return each<Float>([&](int i) { return a.v[i] - b.v[i]; });
  }
  static Float add(Float a, Float b) {
    return each<Float>([&](int i) { return a.v[i] + b.v[i]; });
  }
  static Float mul(Float a, Float b) {
    return each<Float>([&](int i) { return a.v[i] * b.v[i]; });
  }
  static Float mul_add(Float a, Float b, Float c) {
    return each<Float>([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }
  // Round to nearest even, as hardware does; no NaN comes out of finite scales.
  static Int pairs(Float a, Float b) {
    const auto half = [](float value) {
      const auto bits = std::bit_cast<uint32_t>(value);
      return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    };
    return each<Int>(
        [&](int i) { return static_cast<int32_t>(half(a.v[i]) | half(b.v[i]) << 16); });
  }
  static Int flip(Int w) {
    return each<Int>([&](int i) { return w.v[i] ^ static_cast<int32_t>(0x80808080); });
  }
  static Float load_floats(const float* p) {
    return each<Float>([p](int i) { return p[i]; });
  }
  static void store_words(uint16_t* p, Int w) { std::memcpy(p, w.v, sizeof w.v); }
  static void store(float* p, Float a, int n) {
    for (int i = 0; i < std::min(n, 16); ++i) p[i] = a.v[i];
  }
  static Float fp8(const uint8_t* p) {
    return each<Float>([p](int i) { return fp8_value(p[i]) / kFp8Unit; });
  }
  static void store_bf16(uint16_t* p, Float a) {
    const Int halves = pairs(a, zero_float());
    for (int i = 0; i < 16; ++i) p[i] = static_cast<uint16_t>(halves.v[i]);
  }
  static float sum(Float a) {
    float total = 0;
    for (const float value : a.v) total += value;
    return total;
  }
};

// 4 floats in a plain array, for attend-inl.h.
struct ScalarLanes {
  static constexpr int kLanes = 4;
  struct Float {
    float v[kLanes];
  };
  template <class F>
  static Float each(const F& f) {
    Float out;
    for (int i = 0; i < kLanes; ++i) out.v[i] = f(i);
    return out;
  }
  static Float zero() { return {}; }
  static Float set(float x) {
    return each([x](int) { return x; });
  }
  static Float load(const float* p) {
    return each([p](int i) { return p[i]; });
  }
  static void store(float* p, const Float& a) { std::memcpy(p, a.v, sizeof a.v); }
  static Float widen(const float* p) { return load(p); }
  static Float widen(const uint16_t* p) {
    return each([p](int i) { return kernels::widen(p[i]); });
  }
  static Float widen(const int8_t* p) {
    return each([p](int i) { return static_cast<float>(p[i]); });
  }
  static Float mul_add(const Float& a, const Float& b, const Float& c) {
    return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }
  static Float add(const Float& a, const Float& b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
  }
  static Float sub(const Float& a, const Float& b) {
    return each([&](int i) { return a.v[i] - b.v[i]; });
  }
  static Float max(const Float& a, const Float& b) {
    return each([&](int i) { return std::max(a.v[i], b.v[i]); });
  }
  static Float exp(const Float& a) {
    return each([&](int i) { return std::exp(a.v[i]); });
  }
  static Float sums(const Float* acc) {
    return each([acc](int i) { return acc[i].v[0] + acc[i].v[1] + acc[i].v[2] + acc[i].v[3]; });
  }
};

}  // namespace

const KernelTable kScalarKernels = {"scalar",
                                    gemv_bf16<Scalar>,
                                    packed_product<Scalar16, Int8Rows>,
                                    packed_product<Scalar16, FloatRows>,
                                    block_to_pairs<Scalar16>,
                                    quantize_row,
                                    fp8_product<Scalar16>,
                                    fp8_to_bf16<Scalar16>,
                                    attend_paged<ScalarLanes, uint16_t>,
                                    attend_paged<ScalarLanes, float>,
                                    attend_paged<ScalarLanes, uint16_t, int8_t>};

}  // namespace glmv::kernels
