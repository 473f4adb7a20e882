#pragma once
// Products of packed weights with few rows of bf16 activations by vdpbf16ps (FewRowProducts::bf16).
// Steps of 4 bits are exact in bf16: a table turns those of two inputs into a pair in one
// instruction. 8 bits are two such steps, the upper one signed and times 16. Everything is in an
// unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "glmv/kernels/impl/lines-inl.h"
#include "glmv/kernels/impl/many_rows-inl.h"
#include "glmv/kernels/impl/packed-inl.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

// bf16 of the 16 values of 4 bits, for the lower five bits of a word: twice.
alignas(64) constexpr auto kNibbles = [] {
  std::array<std::array<uint16_t, 32>, 2> tables{};
  for (int i = 0; i < 32; ++i) {
    const int value = i % 16;
    const auto low = static_cast<float>(value);
    const auto high = static_cast<float>((value < 8 ? value : value - 16) * 16);
    tables[0][i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(low) >> 16);
    tables[1][i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(high) >> 16);
  }
  return tables;
}();

// The inputs of the pair that the bits 4 s to 4 s + 3 of both words of a lane hold; the second is
// two behind.
template <int kBits>
constexpr int first_of_pair(int s) {
  return kBits == 4 ? s / 2 + s % 2 * 4 : s / 2;
}

template <class V, int kBits>
class PairFew {
 public:
  PairFew(const PackedShape& shape, const Bf16Tiles& x)
      : shape_(shape), x_(x), words_(x.num_rows * shape.in / 2) {
    for (int64_t r = 0; r < x.num_rows; ++r) order_row(x.x + r * kLineInputs, row(r));
  }

  // Rows [first, first + kRows) of one block of 32 outputs.
  template <int kRows>
  void run(const uint8_t* block, int64_t first, float* y) const {
    // Few rows take both halves of a block at once, for enough independent sums.
    constexpr int kHalves = kRows <= 4 ? 2 : 1;
    typename V::Float total[2][kRows];
    for (auto& half : total) std::fill(half, half + kRows, V::zero_float());
    const int64_t in_group = shape_.padded_group();
    for (int64_t g = 0; g < shape_.num_groups(); ++g, block += shape_.block_bytes()) {
      fetch_header(block);
      const float* words = row(first) + g * in_group / 2;
#pragma GCC unroll 2
      for (int h = 0; h < 2; h += kHalves) {
        typename V::Float sums[kHalves][kRows];
        group_sums<kRows, kHalves>(block + kPackHeaderBytes + 64 * h, words, h == 0, sums);
#pragma GCC unroll 2
        for (int i = 0; i < kHalves; ++i) {
          const typename V::Float scale = V::load_floats(block + 64 * (h + i));
          const typename V::Float zero =
              V::sub(V::to_float(V::load_bytes(block + kPackZeroOffset + 16 * (h + i))),
                     V::set(kBits == 8 ? 128.0f : 0.0f));
          for (int r = 0; r < kRows; ++r) {
            const typename V::Float shift =
                V::mul(zero, V::set(x_.sums[g * kTileRows + first + r]));
            total[h + i][r] = V::mul_add(V::sub(sums[i][r], shift), scale, total[h + i][r]);
          }
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      V::store(y + r * kPackRows, total[0][r], 16);
      V::store(y + r * kPackRows + 16, total[1][r], 16);
    }
  }

 private:
  static constexpr int kLineInputs = 32;  // bf16 of a row of a tile
  static constexpr int kInputs = 32 / kBits;
  static constexpr int kChains = 2;  // of sums: the same for any number of rows, as is their order

  float* row(int64_t r) const { return words_.data() + r * shape_.in / 2; }

  // A row of a tile as pairs in the order in which steps hold them.
  void order_row(const uint16_t* lines, float* words) {
    for (int64_t k = 0; k < shape_.in; k += kLineInputs, lines += kTileRows * kLineInputs) {
      for (int j = 0; j < kLineInputs; j += kInputs) {
        for (int s = 0; s < 4; s += kBits / 4, ++words) {
          const uint16_t* pair = lines + j + first_of_pair<kBits>(s);
          *words = std::bit_cast<float>(uint32_t{pair[0]} | uint32_t{pair[2]} << 16);
        }
      }
    }
  }

  static __m512 pairs(__m512i w, int s) {
    const __m512i table = _mm512_load_si512(kNibbles[kBits == 8 ? s % 2 : 0].data());
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_srli_epi16(w, 4 * s), table));
  }

  // Of one group: sum of q x, or of (q - 128) x with 8 bits.
  template <int kRows, int kHalves>
  void group_sums(const uint8_t* steps, const float* words, bool fetch,
                  typename V::Float (&sums)[kHalves][kRows]) const {
    typename V::Float acc[kHalves][kRows][kChains];
    for (auto& half : acc) {
      for (auto& chains : half) std::fill(chains, chains + kChains, V::zero_float());
    }
    constexpr int kWords = kInputs / 2;
    const int64_t stride = shape_.in / 2;
    for (int64_t k = 0; k < shape_.padded_group(); k += kInputs, steps += 128, words += kWords) {
      if (fetch) fetch_step(steps);
#pragma GCC unroll 2
      for (int i = 0; i < kHalves; ++i) {
        const __m512i w = V::load(steps + 64 * i);
#pragma GCC unroll 4
        for (int s = 0; s < 4; ++s) {
          const __m512 q = pairs(w, s);
#pragma GCC unroll 8
          for (int r = 0; r < kRows; ++r) {
            // Not by the intrinsic: GCC 12 then copies sums around it.
            asm("vdpbf16ps %2%{1to16%}, %1, %0"
                : "+v"(acc[i][r][s % kChains])
                : "v"(q), "m"(words[r * stride + (kBits == 8 ? s / 2 : s)]));
          }
        }
      }
    }
    for (int i = 0; i < kHalves; ++i) {
      for (int r = 0; r < kRows; ++r) sums[i][r] = V::add(acc[i][r][0], acc[i][r][1]);
    }
  }

  const PackedShape& shape_;
  const Bf16Tiles& x_;
  mutable Lines<float> words_;  // [rows, in / 2] pairs
};

template <class V, int kBits>
void few_pairs(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
               const Bf16Tiles& x, const TileOutput& out) {
  const PairFew<V, kBits> few(shape, x);
  Lines<float> results(kSumsOfBlock);
  using Run = void (PairFew<V, kBits>::*)(const uint8_t*, int64_t, float*) const;
  static constexpr int kMostRows = 8;
  static constexpr Run kRuns[kMostRows] = {
      &PairFew<V, kBits>::template run<1>, &PairFew<V, kBits>::template run<2>,
      &PairFew<V, kBits>::template run<3>, &PairFew<V, kBits>::template run<4>,
      &PairFew<V, kBits>::template run<5>, &PairFew<V, kBits>::template run<6>,
      &PairFew<V, kBits>::template run<7>, &PairFew<V, kBits>::template run<8>};
  for (int64_t b = begin; b < end; ++b) {
    const auto* block = reinterpret_cast<const uint8_t*>(w) + b * shape.row_block_bytes();
    for (int64_t r = 0; r < x.num_rows; r += kMostRows) {
      const int64_t n = std::min<int64_t>(kMostRows, x.num_rows - r);
      (few.*kRuns[n - 1])(block, r, results.data() + r * kPackRows);
    }
    store_results<V>({b, 1, 0, x.num_rows}, results.data(), out, b * kPackRows,
                     shape.out - b * kPackRows);
  }
}

template <class V>
void few_pairs_bf16(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                    const Bf16Tiles& x, const TileOutput& out) {
  if (shape.bits == 4) {
    few_pairs<V, 4>(shape, w, begin, end, x, out);
  } else {
    few_pairs<V, 8>(shape, w, begin, end, x, out);
  }
}

}  // namespace
}  // namespace glmv::kernels
