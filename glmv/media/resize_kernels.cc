#include "glmv/media/resize_kernels.h"

#include <algorithm>
#include <cstring>

#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

namespace glmv::media {
namespace {

uint8_t narrow(int32_t sum, int precision) {
  return static_cast<uint8_t>(std::clamp(sum >> precision, 0, 255));
}

int32_t rounding(int precision) { return precision > 0 ? 1 << (precision - 1) : 0; }

void resize_pixel(const uint8_t* in, const int16_t* weights, int num_taps, int precision,
                  uint8_t* out) {
  int32_t sums[3] = {rounding(precision), rounding(precision), rounding(precision)};
  for (int k = 0; k < num_taps; ++k) {
    for (int c = 0; c < 3; ++c) sums[c] += in[3 * k + c] * weights[k];
  }
  for (int c = 0; c < 3; ++c) out[c] = narrow(sums[c], precision);
}

void blend_bytes(const uint8_t* const* rows, const int16_t* weights, int num_taps, int precision,
                 int begin, int end, uint8_t* out) {
  for (int i = begin; i < end; ++i) {
    int32_t sum = rounding(precision);
    for (int k = 0; k < num_taps; ++k) sum += rows[k][i] * weights[k];
    out[i] = narrow(sum, precision);
  }
}

}  // namespace

#if defined(__SSSE3__)

void resize_row_rgb(const uint8_t* in, const AxisWeights& axis, int width, uint8_t* out) {
  if (axis.num_taps % 4 != 0) {
    for (int x = 0; x < width; ++x) {
      resize_pixel(in + 3 * axis.starts[x], &axis.weights[static_cast<size_t>(x) * axis.num_taps],
                   axis.num_taps, axis.precision, out + 3 * x);
    }
    return;
  }
  // Pixels (0,1) and (2,3) of 16 bytes as 16-bit pairs R0R1 G0G1 B0B1, ready for multiply-add.
  const __m128i pairs01 = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  const __m128i pairs23 = _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m128i start_sum = _mm_set1_epi32(rounding(axis.precision));
  const __m128i shift = _mm_cvtsi32_si128(axis.precision);
  const int16_t* weights = axis.weights.data();
  for (int x = 0; x < width; ++x) {
    const uint8_t* pixels = in + 3 * axis.starts[x];
    __m128i sum = start_sum;
    __m128i other_sum = _mm_setzero_si128();
    for (int k = 0; k < axis.num_taps; k += 4, pixels += 12, weights += 4) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels));
      const __m128i four = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights));
      const __m128i weights01 = _mm_shuffle_epi32(four, 0x00);
      const __m128i weights23 = _mm_shuffle_epi32(four, 0x55);
      sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_shuffle_epi8(bytes, pairs01), weights01));
      other_sum =
          _mm_add_epi32(other_sum, _mm_madd_epi16(_mm_shuffle_epi8(bytes, pairs23), weights23));
    }
    sum = _mm_sra_epi32(_mm_add_epi32(sum, other_sum), shift);
    const __m128i words = _mm_packs_epi32(sum, sum);
    const int rgb = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    if (x + 1 < width) {
      std::memcpy(out + 3 * x, &rgb, 4);  // the fourth byte is overwritten by the next pixel
    } else {
      std::memcpy(out + 3 * x, &rgb, 3);
    }
  }
}

void blend_rows(const uint8_t* const* rows, const int16_t* weights, int num_taps, int precision,
                int num_bytes, uint8_t* out) {
  const __m128i zero = _mm_setzero_si128();
  const __m128i shift = _mm_cvtsi32_si128(precision);
  int i = 0;
  for (; i + 16 <= num_bytes; i += 16) {
    __m128i sums[4];
    for (auto& sum : sums) sum = _mm_set1_epi32(rounding(precision));
    for (int k = 0; k < num_taps; k += 2) {
      int pair;
      std::memcpy(&pair, weights + k, 4);
      const __m128i both = _mm_set1_epi32(pair);
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[k] + i));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[k + 1] + i));
      const __m128i low = _mm_unpacklo_epi8(a, b);
      const __m128i high = _mm_unpackhi_epi8(a, b);
      sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), both));
      sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), both));
      sums[2] = _mm_add_epi32(sums[2], _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), both));
      sums[3] = _mm_add_epi32(sums[3], _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), both));
    }
    for (auto& sum : sums) sum = _mm_sra_epi32(sum, shift);
    const __m128i bytes =
        _mm_packus_epi16(_mm_packs_epi32(sums[0], sums[1]), _mm_packs_epi32(sums[2], sums[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), bytes);
  }
  blend_bytes(rows, weights, num_taps, precision, i, num_bytes, out);
}

#else

void resize_row_rgb(const uint8_t* in, const AxisWeights& axis, int width, uint8_t* out) {
  for (int x = 0; x < width; ++x) {
    resize_pixel(in + 3 * axis.starts[x], &axis.weights[static_cast<size_t>(x) * axis.num_taps],
                 axis.num_taps, axis.precision, out + 3 * x);
  }
}

void blend_rows(const uint8_t* const* rows, const int16_t* weights, int num_taps, int precision,
                int num_bytes, uint8_t* out) {
  blend_bytes(rows, weights, num_taps, precision, 0, num_bytes, out);
}

#endif

}  // namespace glmv::media
