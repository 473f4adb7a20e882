// Decode attention of every instruction set of this CPU against the fp64 reference.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "glmv/base/random.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

constexpr int64_t kBlock = 64;

void set(uint16_t& to, double value) {
  to = std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16;
}
void set(float& to, double value) { to = static_cast<float>(value); }
void set(int8_t& to, double value) {  // in units of a row's scale
  to = static_cast<int8_t>(std::isnan(value) ? -128
                                             : std::clamp(std::nearbyint(value * 40), -127., 127.));
}

// What rounding the weights to bf16 adds, of values up to 4.5 times their spread.
double weight_error(const KernelTable& table) { return table.isa == "avx512_bf16" ? 4.5 / 256 : 0; }

// A context of `length` tokens in blocks that lie apart, two heads to a block; the tokens behind
// the end hold NaN, as memory of an earlier owner may. Rows of int8 have scales of their own.
template <class T>
struct Context {
  static constexpr bool kInt8 = std::is_same_v<T, int8_t>;

  Context(Random& random, int64_t length, int64_t head_dim, double spread) {
    const int64_t num_blocks = (length + kBlock - 1) / kBlock;
    stride = kBlock * (head_dim + (kInt8 ? 4 : 0));
    store.resize(num_blocks * 4 * stride);
    for (int64_t b = 0; b < num_blocks; ++b) {
      T* base = store.data() + (num_blocks - 1 - b) * 4 * stride;
      blocks.push_back(base);
      for (int64_t i = 0; i < 4 * stride; ++i) {
        const bool used = b * kBlock + i % stride / head_dim < length;
        set(base[i], used ? (kInt8 ? 1 : spread) * random.normal() : std::nan(""));
      }
      for (int64_t row = 0; kInt8 && row < 4 * kBlock; ++row) {
        const float scale = b * kBlock + row % kBlock < length
                                ? static_cast<float>(spread * (0.5 + random.uniform()) / 40)
                                : std::nanf("");
        std::memcpy(base + row / kBlock * stride + kBlock * head_dim + row % kBlock * 4, &scale, 4);
      }
    }
    head = {blocks.data(), stride, 3 * stride, kBlock, head_dim};
  }
  int64_t stride;
  std::vector<T> store;
  std::vector<const void*> blocks;
  PagedHead head;
};

template <class Q, class T = Q>
void expect_equal(const KernelTable& table, AttendPaged got_kernel, AttendPaged want_kernel,
                  int64_t group, int64_t head_dim, int64_t begin, int64_t end, double spread) {
  Random random(static_cast<uint64_t>(group * 1000 + end));
  const Context<T> context(random, end, head_dim, spread);
  std::vector<Q> q(group * head_dim);
  for (Q& value : q) set(value, random.normal());
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  struct Answer {
    std::vector<float> out, max, sum;
  };
  const auto run = [&](AttendPaged kernel) {
    Answer a{std::vector<float>(group * head_dim, 7), std::vector<float>(group, 7),
             std::vector<float>(group, 7)};
    kernel(context.head, begin, end, q.data(), group, scale, a.out.data(), a.max.data(),
           a.sum.data());
    return a;
  };
  const Answer got = run(got_kernel);
  const Answer want = run(want_kernel);
  for (int64_t h = 0; h < group; ++h) {
    const auto where = [&] {
      return testing::Message() << table.isa << " group " << group << " width " << head_dim
                                << " tokens " << begin << " to " << end << " head " << h;
    };
    ASSERT_NEAR(got.max[h], want.max[h], 1e-5 * spread * 4) << where();
    ASSERT_NEAR(got.sum[h] / want.sum[h], 1, 1e-4) << where();
    for (int64_t e = 0; e < head_dim; ++e) {
      ASSERT_NEAR(got.out[h * head_dim + e] / got.sum[h], want.out[h * head_dim + e] / want.sum[h],
                  (2e-5 + weight_error(table)) * spread)
          << where();
    }
  }
}

TEST(Attend, EqualsTheReferenceOnEverySet) {
  for (const IsaRow& row : isa_rows()) {
    if (!row.supported) continue;
    const KernelTable& table = *row.table;
    const KernelTable& reference = reference_kernels();
    for (const int64_t group : {1, 2, 3, 4, 8, 12, 16, 21}) {
      for (const int64_t head_dim : {16, 32, 48, 128}) {
        for (const int64_t end : {1, 2, 15, 63, 64, 65, 200}) {
          expect_equal<uint16_t>(table, table.attend_bf16, reference.attend_bf16, group, head_dim,
                                 0, end, 1);
          expect_equal<float>(table, table.attend_float, reference.attend_float, group, head_dim, 0,
                              end, 1);
          expect_equal<uint16_t, int8_t>(table, table.attend_int8, reference.attend_int8, group,
                                         head_dim, 0, end, 1);
        }
      }
    }
    expect_equal<uint16_t>(table, table.attend_bf16, reference.attend_bf16, 16, 256, 128, 300, 1);
    expect_equal<uint16_t, int8_t>(table, table.attend_int8, reference.attend_int8, 12, 256, 64,
                                   700, 1);
    // Scores far apart: most weights vanish, and the running maximum jumps.
    expect_equal<uint16_t>(table, table.attend_bf16, reference.attend_bf16, 16, 128, 0, 1000, 20);
    expect_equal<float>(table, table.attend_float, reference.attend_float, 5, 64, 64, 777, 20);
    expect_equal<uint16_t, int8_t>(table, table.attend_int8, reference.attend_int8, 16, 128, 0,
                                   1000, 20);
  }
}

TEST(Attend, BrokenKeysAreNotHidden) {
  for (const IsaRow& row : isa_rows()) {
    if (!row.supported) continue;
    Random random(3);
    Context<float> context(random, 70, 32, 1);
    context.store[context.stride + 5] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> q(2 * 32, 1.0f);
    std::vector<float> out(2 * 32), max(2), sum(2);
    // The second block is stored first: its keys are those of tokens 64 to 69.
    row.table->attend_float(context.head, 0, 70, q.data(), 2, 0.1f, out.data(), max.data(),
                            sum.data());
    EXPECT_TRUE(std::isnan(sum[0] + sum[1])) << row.table->isa;
  }
}

}  // namespace
}  // namespace glmv::kernels
