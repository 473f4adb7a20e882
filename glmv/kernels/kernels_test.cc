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
