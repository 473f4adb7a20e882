#pragma once
// A weight in float8 (e4m3fn) as files hold it: one byte each, row after row, with scales in fp32.
//
// w[o, i] = value(code[o, i]) * scale[o, i / block]
//
// e4m3fn: sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinity, 0x7f and 0xff are NaN, the
// largest value is 448. Every value is exact in bf16 and fp16.

#include <bit>
#include <cstdint>
#include <limits>

namespace glmv::kernels {

inline constexpr float kFp8Max = 448.0f;

struct Fp8Matrix {
  const uint8_t* codes = nullptr;  // [out, in]
  const float* scales = nullptr;   // [out, num_blocks]
  int64_t in = 0;
  int64_t block = 0;  // inputs per scale; the last block may be shorter

  int64_t num_blocks() const { return (in + block - 1) / block; }
};

inline float fp8_value(uint8_t code) {
  const uint32_t magnitude = code & 0x7f;
  if (magnitude == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  const uint32_t exponent = magnitude >> 3;
  // fp32 has bias 127 and 23 bits of mantissa; the lowest exponent is without the implied bit.
  const float value = exponent == 0 ? static_cast<float>(magnitude) / 512.0f
                                    : std::bit_cast<float>((magnitude << 20) + (120u << 23));
  return code & 0x80 ? -value : value;
}

}  // namespace glmv::kernels
