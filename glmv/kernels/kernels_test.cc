// Every instruction set of this CPU against the fp64 reference.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "glmv/base/random.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

std::vector<uint16_t> random_bf16(Random& random, int64_t n) {
  std::vector<uint16_t> values(n);
  for (uint16_t& value : values) {
    value = std::bit_cast<uint32_t>(static_cast<float>(random.normal())) >> 16;
  }
  return values;
}

TEST(Kernels, GemvBf16EqualsTheReference) {
  Random random(7);
  int tested = 0;
  for (const IsaRow& row : isa_rows()) {
    if (!row.supported) continue;
    ++tested;
    for (int64_t in : {1, 7, 16, 31, 32, 33, 64, 200, 1037}) {
      for (int batch = 1; batch <= kMaxGemvBatch; ++batch) {
        const int64_t rows = 11;
        const auto w = random_bf16(random, rows * in);
        const auto x = random_bf16(random, batch * in);
        const int64_t begin = 2;
        const int64_t ldy = rows + 3;
        std::vector<float> got(batch * ldy, -1.0f);
        std::vector<float> want(batch * ldy, -1.0f);
        row.table->gemv_bf16(w.data(), begin, rows, in, x.data(), batch, got.data(), ldy);
        reference_kernels().gemv_bf16(w.data(), begin, rows, in, x.data(), batch, want.data(), ldy);
        // Rounding of fp32 sums grows with the square root of their length.
        const double gate = 4e-6 * std::sqrt(static_cast<double>(in)) + 1e-6;
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], want[i], gate * std::max(1.0, std::sqrt(double(in))))
              << row.table->isa << " in " << in << " batch " << batch << " at " << i;
        }
      }
    }
  }
  EXPECT_GE(tested, 1);
}

TEST(Kernels, ARowOfXDoesNotSeeItsNeighbours) {
  Random random(8);
  const int64_t in = 320;
  const int64_t rows = 9;
  const auto w = random_bf16(random, rows * in);
  const auto x = random_bf16(random, kMaxGemvBatch * in);
  for (const IsaRow& row : isa_rows()) {
    if (!row.supported) continue;
    std::vector<float> all(kMaxGemvBatch * rows);
    row.table->gemv_bf16(w.data(), 0, rows, in, x.data(), kMaxGemvBatch, all.data(), rows);
    for (int b = 0; b < kMaxGemvBatch; ++b) {
      std::vector<float> one(rows);
      row.table->gemv_bf16(w.data(), 0, rows, in, x.data() + b * in, 1, one.data(), rows);
      for (int64_t r = 0; r < rows; ++r) EXPECT_EQ(one[r], all[b * rows + r]) << row.table->isa;
    }
  }
}

struct PackedCase {
  PackedShape shape;
  std::vector<std::byte> w;
};

PackedCase random_packed(Random& random, const PackedShape& shape) {
  PackedCase c{shape, std::vector<std::byte>(shape.num_bytes())};
  const auto below = [&](uint64_t n) { return static_cast<uint8_t>(random.below(n)); };
  for (int64_t b = 0; b < shape.num_row_blocks(); ++b) {
    const int rows = static_cast<int>(std::min<int64_t>(kPackRows, shape.out - b * kPackRows));
    std::vector<uint8_t> q(rows * shape.in), zeros(rows * shape.num_groups());
    std::vector<float> scales(zeros.size());
    for (uint8_t& value : q) value = below(1 << shape.bits);
    for (uint8_t& value : zeros) value = below(1 << shape.bits);
    for (float& value : scales) value = static_cast<float>(0.01 * random.normal());
    pack_rows(shape, rows, q.data(), scales.data(), zeros.data(),
              c.w.data() + b * shape.row_block_bytes());
    std::vector<float> back(kPackRows * shape.in);
    unpack_rows(shape, c.w.data() + b * shape.row_block_bytes(), back.data());
    for (int r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < shape.in; ++i) {
        const int64_t at = r * shape.num_groups() + i / shape.group;
        EXPECT_EQ(back[r * shape.in + i],
                  static_cast<float>(q[r * shape.in + i] - zeros[at]) * scales[at]);
      }
    }
  }
  return c;
}

const PackedShape kPackedShapes[] = {
    {.out = 32, .in = 64, .group = 32, .bits = 4},
    {.out = 45, .in = 256, .group = 128, .bits = 4},
    {.out = 7, .in = 96, .group = 96, .bits = 4},
    {.out = 33, .in = 20, .group = 10, .bits = 4},
    {.out = 64, .in = 384, .group = 384, .bits = 8},
    {.out = 17, .in = 26, .group = 13, .bits = 8},
    {.out = 40, .in = 128, .group = 32, .bits = 8},
};

TEST(Kernels, PackedProductsEqualTheReference) {
  Random random(9);
  for (const PackedShape& shape : kPackedShapes) {
    const PackedCase c = random_packed(random, shape);
    for (const int64_t rows : {1, 2, 3, 6, 9}) {
      std::vector<float> x(rows * shape.in), padded(rows * shape.padded_in());
      for (float& value : x) value = static_cast<float>(random.normal());
      std::vector<int8_t> q(rows * shape.padded_in(), 99);
      const int64_t groups = shape.num_groups();
      std::vector<float> scales(rows * groups), float_sums(rows * groups);
      std::vector<int32_t> sums(rows * groups);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t i = 0; i < shape.in; ++i) {
          const int64_t g = i / shape.group;
          padded[r * shape.padded_in() + g * shape.padded_group() + i % shape.group] =
              x[r * shape.in + i];
          float_sums[r * groups + g] += x[r * shape.in + i];
        }
        reference_kernels().quantize_row(shape, &x[r * shape.in], &q[r * shape.padded_in()],
                                         &scales[r * groups], &sums[r * groups]);
      }
      const Int8Rows int8 = {q.data(), scales.data(), sums.data(), rows};
      const FloatRows floats = {padded.data(), float_sums.data(), rows};
      const int64_t ldy = shape.out + 5;
      std::vector<float> want_int8(rows * ldy, -1.0f), want_float(rows * ldy, -1.0f);
      const int64_t blocks = shape.num_row_blocks();
      reference_kernels().packed_int8(shape, c.w.data(), 0, blocks, int8, want_int8.data(), ldy);
      reference_kernels().packed_float(shape, c.w.data(), 0, blocks, floats, want_float.data(),
                                       ldy);
      for (const IsaRow& row : isa_rows()) {
        if (!row.supported) continue;
        std::vector<float> got_int8(rows * ldy, -1.0f), got_float(rows * ldy, -1.0f);
        row.table->packed_int8(shape, c.w.data(), 0, blocks, int8, got_int8.data(), ldy);
        row.table->packed_float(shape, c.w.data(), 0, blocks, floats, got_float.data(), ldy);
        const double gate = (shape.bits == 8 ? 2e-6 : 2e-7) * double(shape.in);
        for (size_t i = 0; i < got_int8.size(); ++i) {
          ASSERT_NEAR(got_int8[i], want_int8[i], gate) << row.table->isa << " " << i;
          ASSERT_NEAR(got_float[i], want_float[i], gate) << row.table->isa << " " << i;
        }
        std::vector<int8_t> got_q(q.size(), 99);
        std::vector<float> got_scales(scales.size());
        std::vector<int32_t> got_sums(sums.size());
        for (int64_t r = 0; r < rows; ++r) {
          row.table->quantize_row(shape, &x[r * shape.in], &got_q[r * shape.padded_in()],
                                  &got_scales[r * groups], &got_sums[r * groups]);
        }
        int differ = 0;
        for (size_t i = 0; i < q.size(); ++i) differ += got_q[i] != q[i];
        EXPECT_LE(differ, 1);  // a tie may fall to either side
        for (size_t i = 0; i < scales.size(); ++i) EXPECT_NEAR(got_scales[i], scales[i], 1e-7);
      }
    }
  }
}

TEST(Kernels, PackedBlocksAsBf16Pairs) {
  Random random(10);
  for (const PackedShape& shape : kPackedShapes) {
    const PackedCase c = random_packed(random, shape);
    const std::byte* block = c.w.data() + (shape.num_groups() - 1) * shape.block_bytes();
    const auto run = [&](const KernelTable& table) {
      std::vector<uint16_t> pairs(kPackRows * shape.padded_group());
      table.block_to_pairs(shape, block, pairs.data());
      return pairs;
    };
    const auto want = run(reference_kernels());
    for (const IsaRow& row : isa_rows()) {
      if (!row.supported) continue;
      const auto got = run(*row.table);
      for (size_t i = 0; i < want.size(); ++i) {
        // No sign is asked of padding and of what is exactly zero.
        const int differ = got[i] ^ want[i];
        ASSERT_EQ(differ & ((want[i] & 0x7fff) == 0 ? 0x7fff : 0xffff), 0)
            << row.table->isa << " " << i;
      }
    }
  }
}

// Rows [n, padded_in] of `T` as tiles of 16 rows and 64 bytes.
template <class T>
std::vector<T> to_tiles(const std::vector<T>& rows, int64_t width) {
  constexpr int64_t kInputs = 64 / sizeof(T);
  const int64_t n = static_cast<int64_t>(rows.size()) / width;
  std::vector<T> tiles((n + 15) / 16 * 16 * width);
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t k = 0; k < width; ++k) {
      const int64_t tile = r / 16 * (width / kInputs) + k / kInputs;
      tiles[(tile * 16 + r % 16) * kInputs + k % kInputs] = rows[r * width + k];
    }
  }
  return tiles;
}

// Passes of several hundred rows and thousands of inputs, groups that are cut, odd numbers of
// tiles.
TEST(Kernels, TileProductsEqualTheReference) {
  Random random(11);
  struct Case {
    PackedShape shape;
    int64_t rows;
  };
  const Case cases[] = {
      {{.out = 45, .in = 256, .group = 128, .bits = 4}, 17},
      {{.out = 32, .in = 64, .group = 64, .bits = 4}, 1},
      {{.out = 70, .in = 1344, .group = 192, .bits = 4}, 40},
      {{.out = 33, .in = 4736, .group = 128, .bits = 4}, 530},
      {{.out = 64, .in = 2240, .group = 2240, .bits = 8}, 33},
      {{.out = 7, .in = 640, .group = 128, .bits = 8}, 64},
      {{.out = 40, .in = 448, .group = 32, .bits = 4}, 19},
      {{.out = 40, .in = 704, .group = 8, .bits = 8}, 50},
  };
  for (const auto& [shape, n] : cases) {
    const PackedCase c = random_packed(random, shape);
    const int64_t groups = shape.num_groups();
    const int64_t padded_rows = (n + 15) / 16 * 16;
    const int64_t ldy = shape.out + 3;
    std::vector<float> x(n * shape.in);
    for (float& value : x) value = static_cast<float>(random.normal());
    std::vector<int8_t> q(n * shape.in);
    std::vector<float> scales(n * groups), tile_scales(groups * padded_rows);
    std::vector<int32_t> sums(n * groups), tile_sums(groups * padded_rows);
    std::vector<uint16_t> halves(n * shape.in);
    std::vector<float> rounded(n * shape.in), rounded_sums(n * groups);
    for (int64_t r = 0; r < n; ++r) {
      reference_kernels().quantize_row(shape, &x[r * shape.in], &q[r * shape.in],
                                       &scales[r * groups], &sums[r * groups]);
      for (int64_t g = 0; g < groups; ++g) {
        tile_scales[g * padded_rows + r] = scales[r * groups + g];
        tile_sums[g * padded_rows + r] = sums[r * groups + g];
      }
      for (int64_t k = 0; k < shape.in; ++k) {
        const int64_t at = r * shape.in + k;
        halves[at] = static_cast<uint16_t>(std::bit_cast<uint32_t>(x[at]) >> 16);
        rounded[at] = std::bit_cast<float>(uint32_t{halves[at]} << 16);
        rounded_sums[r * groups + k / shape.group] += rounded[at];
      }
    }
    std::vector<float> want_int8(n * ldy, -1.0f), want_bf16(n * ldy, -1.0f);
    const int64_t blocks = shape.num_row_blocks();
    reference_kernels().packed_int8(shape, c.w.data(), 0, blocks,
                                    {q.data(), scales.data(), sums.data(), n}, want_int8.data(),
                                    ldy);
    reference_kernels().packed_float(shape, c.w.data(), 0, blocks,
                                     {rounded.data(), rounded_sums.data(), n}, want_bf16.data(),
                                     ldy);
    const auto q_tiles = to_tiles(q, shape.in);
    const auto bf16_tiles = to_tiles(halves, shape.in);
    for (const IsaRow& row : isa_rows()) {
      const TileProducts* tiles = row.table->tiles;
      if (!row.supported || tiles == nullptr) continue;
      std::vector<float> got_int8(n * ldy, -1.0f), got_bf16(n * ldy, -1.0f);
      if (shape.group % tiles->int8_step == 0) {
        const Int8Tiles x_tiles{q_tiles.data(), tile_scales.data(), tile_sums.data(), n};
        tiles->int8(shape, c.w.data(), 0, blocks, x_tiles, {got_int8.data(), false, ldy});
        for (size_t i = 0; i < want_int8.size(); ++i) {
          ASSERT_NEAR(got_int8[i], want_int8[i], 2e-6 * double(shape.in))
              << row.table->isa << " " << i;
        }
        if (row.table->isa != "amx") {  // whose sums have another order
          std::vector<float> few(n * ldy, -1.0f);
          row.table->packed_int8(shape, c.w.data(), 0, blocks,
                                 {q.data(), scales.data(), sums.data(), n}, few.data(), ldy);
          EXPECT_EQ(got_int8, few) << row.table->isa;
        }
        // With a bias and rounded: the same but for the last step.
        std::vector<uint16_t> got_half(n * ldy, 0xffff);
        std::vector<float> bias(shape.out);
        for (float& value : bias) value = static_cast<float>(random.normal());
        tiles->int8(shape, c.w.data(), 0, blocks, x_tiles,
                    {got_half.data(), true, ldy, bias.data()});
        for (int64_t i = 0; i < n * ldy; ++i) {
          const int64_t o = i % ldy;
          if (o >= shape.out) {
            ASSERT_EQ(got_half[i], 0xffff);
            continue;
          }
          const float want = got_int8[i] + bias[o];
          ASSERT_NEAR(std::bit_cast<float>(uint32_t{got_half[i]} << 16), want,
                      std::abs(want) / 256 + 1e-30)
              << row.table->isa << " " << i;
        }
      }
      if (tiles->quantize != nullptr && shape.group % 64 == 0) {
        std::vector<int8_t> got_q(q_tiles.size(), 99);
        std::vector<float> got_scales(tile_scales.size(), -1.0f);
        std::vector<int32_t> got_sums(tile_sums.size(), -1);
        tiles->quantize(shape, x.data(), false, n, 0, padded_rows / 16, got_q.data(),
                        got_scales.data(), got_sums.data());
        int differ = 0;
        for (size_t i = 0; i < got_q.size(); ++i) differ += got_q[i] != q_tiles[i];
        EXPECT_LE(differ, 8);  // a tie may fall to either side
        for (size_t i = 0; i < got_scales.size(); ++i) {
          EXPECT_NEAR(got_scales[i], tile_scales[i], 1e-7);
          EXPECT_NEAR(got_sums[i], tile_sums[i], 2);
        }
        // bf16 rows as their values in fp32.
        std::vector<int8_t> half_q(q_tiles.size(), 99);
        tiles->quantize(shape, rounded.data(), false, n, 0, padded_rows / 16, got_q.data(),
                        got_scales.data(), got_sums.data());
        std::vector<float> half_scales(tile_scales.size());
        std::vector<int32_t> half_sums(tile_sums.size());
        tiles->quantize(shape, halves.data(), true, n, 0, padded_rows / 16, half_q.data(),
                        half_scales.data(), half_sums.data());
        EXPECT_EQ(half_q, got_q);
        EXPECT_EQ(half_scales, got_scales);
        EXPECT_EQ(half_sums, got_sums);
      }
      if (tiles->bf16 == nullptr || shape.group % tiles->bf16_step != 0) continue;
      tiles->bf16(shape, c.w.data(), 0, blocks, {bf16_tiles.data(), n},
                  {got_bf16.data(), false, ldy});
      double error = 0, size = 0;
      for (size_t i = 0; i < want_int8.size(); ++i) {
        error += std::pow(double(got_bf16[i]) - want_bf16[i], 2);
        size += std::pow(double(want_bf16[i]), 2);
      }
      // Weights rounded to 8 bits of mantissa, or not at all.
      const bool in_pairs = row.table->isa == "amx" || row.table->isa == "avx512_bf16";
      EXPECT_LE(std::sqrt(error / size), in_pairs ? 3e-3 : 2e-6) << row.table->isa;
    }
  }
}

// Odd numbers of outputs, more rows and inputs than one pass takes.
TEST(Kernels, TilesOfRowsEqualTheReference) {
  Random random(12);
  struct Case {
    int64_t in, begin, end, rows;
  };
  for (const auto& [in, begin, end, n] : {Case{32, 0, 32, 1},
                                          {96, 3, 52, 16},
                                          {544, 0, 47, 33},
                                          {1408, 32, 64, 70},
                                          {1088, 0, 5, 530}}) {
    const auto w = random_bf16(random, end * in);
    const auto x = random_bf16(random, n * in);
    std::vector<uint16_t> tiles((n + 15) / 16 * 16 * in);
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t k = 0; k < in; ++k) {
        tiles[((r / 16 * (in / 2) + k / 2) * 16 + r % 16) * 2 + k % 2] = x[r * in + k];
      }
    }
    const int64_t ldy = end - begin + 3;
    for (const IsaRow& row : isa_rows()) {
      if (!row.supported || row.table->tile_rows_bf16 == nullptr) continue;
      std::vector<float> got(n * ldy, -1.0f), want(n * ldy, -1.0f);
      row.table->tile_rows_bf16(w.data(), begin, end, in, {tiles.data(), n}, got.data(), ldy);
      for (int64_t r = 0; r < n; ++r) {
        reference_kernels().gemv_bf16(w.data(), begin, end, in, &x[r * in], 1, &want[r * ldy], ldy);
      }
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], want[i], 4e-6 * double(in)) << row.table->isa << " " << in << " " << i;
      }
    }
  }
}

// Products of many bf16 rows with a bf16 weight: odd widths, several passes over rows and inputs,
// a bias, both types of result.
TEST(Kernels, TileRowsMatchFp64) {
  Random random(8);
  struct Case {
    int64_t in, out, rows;
  };
  for (const auto& [in, out, n] : {Case{32, 32, 1},
                                   {96, 52, 16},
                                   {288, 47, 33},
                                   {2720, 64, 530},
                                   {1088, 5, 1040},
                                   {8, 9, 17},
                                   {1176, 150, 250}}) {
    const auto w = random_bf16(random, out * in);
    const auto x = random_bf16(random, n * in);
    const int64_t steps = (in + 31) / 32;
    std::vector<uint16_t> tiles((n + 15) / 16 * 16 * 32 * steps);
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t k = 0; k < in; ++k) {
        tiles[((r / 16 * steps + k / 32) * 16 + r % 16) * 32 + k % 32] = x[r * in + k];
      }
    }
    std::vector<float> bias(out), want(n * out);
    for (float& value : bias) value = static_cast<float>(random.normal());
    for (int64_t r = 0; r < n; ++r) {
      reference_kernels().gemv_bf16(w.data(), 0, out, in, &x[r * in], 1, &want[r * out], out);
      for (int64_t o = 0; o < out; ++o) want[r * out + o] += bias[o];
    }
    const int64_t ldy = out + 3, blocks = (out + kPackRows - 1) / kPackRows;
    for (const IsaRow& row : isa_rows()) {
      if (!row.supported || row.table->tiles == nullptr || row.table->tiles->rows == nullptr ||
          in % row.table->tiles->bf16_step != 0) {
        continue;
      }
      std::vector<float> got(n * ldy, -1.0f);
      std::vector<uint16_t> got_bf16(n * ldy, 7);
      for (int64_t b = 0; b < blocks; b += 1) {  // as threads share them
        row.table->tiles->rows(w.data(), out, in, b, b + 1, {tiles.data(), n},
                               {got.data(), false, ldy, bias.data()});
      }
      row.table->tiles->rows(w.data(), out, in, 0, blocks, {tiles.data(), n},
                             {got_bf16.data(), true, ldy, bias.data()});
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t o = 0; o < ldy; ++o) {
          const float value = got[r * ldy + o];
          const float rounded = std::bit_cast<float>(uint32_t{got_bf16[r * ldy + o]} << 16);
          if (o >= out) {
            ASSERT_EQ(value, -1.0f);
            ASSERT_EQ(got_bf16[r * ldy + o], 7);
            continue;
          }
          ASSERT_NEAR(value, want[r * out + o], 4e-6 * double(in)) << row.table->isa << " " << in;
          ASSERT_NEAR(rounded, value, 0.004 * std::abs(value) + 1e-30);
        }
      }
    }
  }
}

// The extremes of every operand: no intermediate may overflow or saturate.
TEST(Kernels, PackedProductsOfExtremes) {
  for (const int bits : {4, 8}) {
    const PackedShape shape = {.out = 32, .in = 13696, .group = 13696, .bits = bits};
    const auto top = static_cast<uint8_t>((1 << bits) - 1);
    const std::vector<uint8_t> weights(32 * shape.in, top), zeros(32, 0);
    const std::vector<float> ones(32, 1.0f);
    std::vector<std::byte> w(shape.num_bytes());
    pack_rows(shape, 32, weights.data(), ones.data(), zeros.data(), w.data());
    for (const int8_t value : {int8_t{127}, int8_t{-127}}) {
      const std::vector<int8_t> q(shape.padded_in(), value);
      const float scale = 1.0f;
      const int32_t sum = value * static_cast<int32_t>(shape.in);
      for (const IsaRow& row : isa_rows()) {
        if (!row.supported) continue;
        std::vector<float> y(32);
        row.table->packed_int8(shape, w.data(), 0, 1, {q.data(), &scale, &sum, 1}, y.data(), 32);
        for (const float got : y) {
          EXPECT_NEAR(got, double(top) * value * double(shape.in), 64) << row.table->isa;
        }
        if (row.table->tiles == nullptr) continue;
        const auto tiles = to_tiles(q, shape.in);
        std::vector<float> scales(16, 0.0f);
        std::vector<int32_t> sums(16, 0);
        scales[0] = scale;
        sums[0] = sum;
        std::vector<float> many(32);
        row.table->tiles->int8(shape, w.data(), 0, 1, {tiles.data(), scales.data(), sums.data(), 1},
                               {many.data(), false, 32});
        EXPECT_EQ(many, y) << row.table->isa;
      }
    }
  }
}

// Few rows: int8 to the bit as by vectors, bf16 near fp64; a row does not see the others.
TEST(Kernels, ProductsOfFewRowsEqualTheOthers) {
  Random random(12);
  const PackedShape shapes[] = {{.out = 45, .in = 256, .group = 128, .bits = 4},
                                {.out = 32, .in = 64, .group = 64, .bits = 4},
                                {.out = 70, .in = 1344, .group = 192, .bits = 4},
                                {.out = 64, .in = 2240, .group = 2240, .bits = 8},
                                {.out = 7, .in = 640, .group = 128, .bits = 8},
                                {.out = 33, .in = 640, .group = 640, .bits = 4}};
  for (const PackedShape& shape : shapes) {
    const PackedCase c = random_packed(random, shape);
    const int64_t groups = shape.num_groups(), blocks = shape.num_row_blocks(), ldy = shape.out + 3;
    for (const int64_t n : {1, 2, 5, 8, 16}) {
      std::vector<int8_t> q(16 * shape.in);
      std::vector<uint16_t> halves(16 * shape.in);
      std::vector<float> floats(n * shape.in), scales(n * groups), float_sums(n * groups);
      std::vector<int32_t> sums(n * groups), tile_sums(16 * groups);
      std::vector<float> tile_scales(16 * groups), tile_float_sums(16 * groups);
      for (int64_t r = 0; r < n; ++r) {
        std::vector<float> x(shape.in);
        for (int64_t k = 0; k < shape.in; ++k) {
          const float value = static_cast<float>(random.normal());
          const auto half = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
          halves[r * shape.in + k] = half;
          x[k] = floats[r * shape.in + k] = std::bit_cast<float>(uint32_t{half} << 16);
          float_sums[r * groups + k / shape.group] += x[k];
        }
        reference_kernels().quantize_row(shape, x.data(), &q[r * shape.in], &scales[r * groups],
                                         &sums[r * groups]);
        for (int64_t g = 0; g < groups; ++g) {
          tile_scales[g * 16 + r] = scales[r * groups + g];
          tile_sums[g * 16 + r] = sums[r * groups + g];
          tile_float_sums[g * 16 + r] = float_sums[r * groups + g];
        }
      }
      std::vector<float> want_bf16(n * ldy, -1.0f);
      reference_kernels().packed_float(shape, c.w.data(), 0, blocks,
                                       {floats.data(), float_sums.data(), n}, want_bf16.data(),
                                       ldy);
      const auto q_tiles = to_tiles(q, shape.in);
      const auto bf16_tiles = to_tiles(halves, shape.in);
      for (const IsaRow& row : isa_rows()) {
        if (!row.supported || row.table->few_rows == nullptr) continue;
        const FewRowProducts& few = *row.table->few_rows;
        std::vector<float> want(n * ldy, -1.0f), got(n * ldy, -1.0f), bf16(n * ldy, -1.0f);
        row.table->packed_int8(shape, c.w.data(), 0, blocks,
                               {q.data(), scales.data(), sums.data(), n}, want.data(), ldy);
        if (few.int8 != nullptr) {
          few.int8(shape, c.w.data(), 0, blocks,
                   {q_tiles.data(), tile_scales.data(), tile_sums.data(), n},
                   {got.data(), false, ldy});
          EXPECT_EQ(got, want) << shape.out << " " << shape.bits << " " << n;
        }
        few.bf16(shape, c.w.data(), 0, blocks, {bf16_tiles.data(), n, tile_float_sums.data()},
                 {bf16.data(), false, ldy});
        for (size_t i = 0; i < bf16.size(); ++i) {
          ASSERT_NEAR(bf16[i], want_bf16[i], 4e-6 * double(shape.in)) << shape.out << " " << i;
        }
        std::vector<float> one(ldy, -1.0f);
        few.bf16(shape, c.w.data(), 0, blocks, {bf16_tiles.data(), 1, tile_float_sums.data()},
                 {one.data(), false, ldy});
        for (int64_t o = 0; o < shape.out; ++o) EXPECT_EQ(one[o], bf16[o]);
      }
    }
  }
}

TEST(Kernels, Fp8CodesDecodeExactly) {
  // Known values of e4m3fn: zero, the smallest, the largest without the implied bit, one, the
  // largest.
  EXPECT_EQ(fp8_value(0x00), 0.0f);
  EXPECT_EQ(fp8_value(0x01), std::ldexp(1.0f, -9));
  EXPECT_EQ(fp8_value(0x07), std::ldexp(7.0f, -9));
  EXPECT_EQ(fp8_value(0x38), 1.0f);
  EXPECT_EQ(fp8_value(0xfe), -448.0f);
  std::vector<uint8_t> codes(256);
  for (int i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(i);
  for (const IsaRow& row : isa_rows()) {
    if (!row.supported) continue;
    for (const float scale : {1.0f, 0.0123f, -3e-5f}) {
      for (const int64_t n : {256, 255, 129, 16, 1}) {  // the codes from the end
        const uint8_t* from = codes.data() + 256 - n;
        std::vector<uint16_t> got(n + 1, 7), want(n + 1, 7);
        row.table->fp8_to_bf16(from, n, scale, got.data());
        reference_kernels().fp8_to_bf16(from, n, scale, want.data());
        for (int64_t i = 0; i <= n; ++i) {
          const bool nan = i < n && (from[i] & 0x7f) == 0x7f;
          EXPECT_TRUE(nan ? (got[i] & 0x7fff) > 0x7f80 : got[i] == want[i])
              << row.table->isa << " " << scale << " " << i << ": " << got[i] << " " << want[i];
        }
      }
    }
  }
}

TEST(Kernels, Fp8ProductsEqualTheReference) {
  Random random(11);
  struct Case {
    int64_t in, block;
  };
  for (const auto& [in, block] :
       {Case{256, 256}, Case{200, 128}, Case{37, 37}, Case{96, 10}, Case{1, 1}, Case{130, 128}}) {
    const int64_t out = 11;
    const Fp8Matrix shape{.in = in, .block = block};
    std::vector<uint8_t> codes(out * in);
    std::vector<float> scales(out * shape.num_blocks());
    for (uint8_t& code : codes) {
      do code = static_cast<uint8_t>(random.below(256));
      while ((code & 0x7f) == 0x7f);
    }
    for (float& scale : scales) scale = static_cast<float>(0.01 * random.normal());
    const Fp8Matrix w{codes.data(), scales.data(), in, block};
    for (const int64_t rows : {1, 2, 3, 4, 9}) {
      std::vector<float> x(rows * in);
      for (float& value : x) value = static_cast<float>(random.normal());
      const int64_t begin = 2, ldy = out + 3;
      std::vector<float> want(rows * ldy, -1.0f);
      reference_kernels().fp8_product(w, begin, out, x.data(), rows, want.data(), ldy);
      for (const IsaRow& row : isa_rows()) {
        if (!row.supported) continue;
        std::vector<float> got(rows * ldy, -1.0f);
        row.table->fp8_product(w, begin, out, x.data(), rows, got.data(), ldy);
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], want[i], 4e-6 * double(in)) << row.table->isa << " " << in;
        }
        std::vector<float> one(out);
        row.table->fp8_product(w, begin, out, x.data() + (rows - 1) * in, 1, one.data(), ldy);
        for (int64_t o = 0; o < out - begin; ++o) EXPECT_EQ(one[o], got[(rows - 1) * ldy + o]);
      }
    }
    codes[5 * in] = 0xff;  // NaN reaches its own row only
    for (const IsaRow& row : isa_rows()) {
      if (!row.supported) continue;
      const std::vector<float> x(in, 1.0f);
      std::vector<float> y(out);
      row.table->fp8_product(w, 0, out, x.data(), 1, y.data(), out);
      for (int64_t o = 0; o < out; ++o) EXPECT_EQ(std::isnan(y[o]), o == 5) << row.table->isa;
    }
  }
}

TEST(Kernels, TheForcedSetIsTheOneThatRuns) {
  for (const IsaRow& row : isa_rows()) {
    const auto chosen = choose_kernels(row.table->isa);
    if (row.supported) {
      ASSERT_TRUE(chosen);
      EXPECT_EQ((*chosen)->isa, row.table->isa);
    } else {
      EXPECT_EQ(chosen.error().code, Code::kInvalidArgument);
    }
  }
  EXPECT_TRUE(choose_kernels(""));
  const auto unknown = choose_kernels("mmx");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("scalar"), std::string::npos);
}

}  // namespace
}  // namespace glmv::kernels
