// Flash attention of every instruction set against fp64 sums.

#include "glmv/kernels/attention.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "glmv/base/random.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

float to_float(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }
float to_float(float value) { return value; }

template <class T>
T from_float(float value) {
  if constexpr (sizeof(T) == 2) return std::bit_cast<uint32_t>(value) >> 16;
  return value;
}

template <class T>
std::vector<T> random_rows(Random& random, int64_t n, double size) {
  std::vector<T> rows(n);
  for (T& value : rows) value = from_float<T>(static_cast<float>(size * random.normal()));
  return rows;
}

struct Case {
  int64_t queries, keys, head_dim;
  bool causal;
  double size = 1;  // of queries: large ones make a few keys win
};

// One query, whole and broken tiles of queries and keys, a prefix and none, widths of whole tiles,
// of whole vectors, of half a vector, and of neither; probabilities that underflow.
constexpr Case kCases[] = {
    {1, 1, 32, false},
    {32, 32, 64, true},
    {7, 45, 128, true},
    {32, 300, 128, false},
    {20, 129, 96, true, 8},
    {32, 1000, 128, true, 4},
    {3, 128, 256, false, 20},
    {32, 257, 128, false, 40},
    {29, 260, 72, true},
    {11, 140, 80, false},
    {13, 17, 8, true},
    {32, 131, 88, true},
    {5, 383, 62, false},
    {2, 2, 2, true},
    {25, 129, 112, true, 100},
    // As many queries as one call takes.
    {128, 300, 128, true, 2},
    {100, 260, 64, false},
    {45, 45, 96, true},
};

template <class T>
struct Inputs {
  std::vector<T> q, k, v;
  float scale;
};

template <class T>
std::vector<double> reference(const Case& c, const Inputs<T>& in) {
  std::vector<double> out(c.queries * c.head_dim);
  for (int64_t i = 0; i < c.queries; ++i) {
    const int64_t seen = c.causal ? c.keys - (c.queries - 1 - i) : c.keys;
    std::vector<double> weight(seen);
    double largest = -INFINITY, total = 0;
    for (int64_t j = 0; j < seen; ++j) {
      for (int64_t e = 0; e < c.head_dim; ++e) {
        weight[j] +=
            double(to_float(in.q[i * c.head_dim + e])) * to_float(in.k[j * c.head_dim + e]);
      }
      weight[j] *= in.scale;
      largest = std::max(largest, weight[j]);
    }
    for (double& w : weight) total += w = std::exp(w - largest);
    for (int64_t j = 0; j < seen; ++j) {
      for (int64_t e = 0; e < c.head_dim; ++e) {
        out[i * c.head_dim + e] += weight[j] / total * to_float(in.v[j * c.head_dim + e]);
      }
    }
  }
  return out;
}

// A buffer that begins with a cache line, filled with bits that are NaN in both types: what is not
// packed must not matter.
struct Packed {
  explicit Packed(int64_t n) : bytes(n + 64, std::byte{0xff}) {}
  std::byte* data() {
    return bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
  }
  std::vector<std::byte> bytes;
};

// The queries go in as parts of at most queries_at_once.
template <class T>
std::vector<T> run(const FlashAttention& flash, const Case& c, const Inputs<T>& in) {
  Packed keys(flash.packed_bytes(c.keys, c.head_dim));
  Packed values(flash.packed_bytes(c.keys, c.head_dim));
  const int64_t middle = std::min(c.keys, kKeysPacked);  // packed in two parts
  for (const auto& [begin, end] : {std::pair(int64_t{0}, middle), std::pair(middle, c.keys)}) {
    if (begin == end) continue;
    flash.pack_keys(in.k.data(), c.head_dim, begin, end, c.head_dim, keys.data());
    flash.pack_values(in.v.data(), c.head_dim, begin, end, c.head_dim, values.data());
  }
  // Rows of the result lie apart; nothing is written between them.
  const int64_t ldo = c.head_dim + 3;
  std::vector<T> out(c.queries * ldo, from_float<T>(7));
  for (int64_t first = 0; first < c.queries; first += flash.queries_at_once) {
    const int64_t n = std::min(flash.queries_at_once, c.queries - first);
    flash.attend({.q = in.q.data() + first * c.head_dim,
                  .ldq = c.head_dim,
                  .num_queries = n,
                  .keys = keys.data(),
                  .values = values.data(),
                  .head_dim = c.head_dim,
                  .num_keys = c.causal ? c.keys - (c.queries - first - n) : c.keys,
                  .causal = c.causal,
                  .scale = in.scale,
                  .out = out.data() + first * ldo,
                  .ldo = ldo});
  }
  std::vector<T> dense(c.queries * c.head_dim);
  for (int64_t i = 0; i < c.queries * ldo; ++i) {
    if (i % ldo < c.head_dim) {
      dense[i / ldo * c.head_dim + i % ldo] = out[i];
    } else {
      EXPECT_EQ(to_float(out[i]), 7.0f) << i;
    }
  }
  return dense;
}

// `step`: relative size of a rounding of results, and of probabilities where those are rounded.
template <class T>
void compare(const std::string& name, const FlashAttention& flash, double step) {
  Random random(3);
  for (const Case& c : kCases) {
    SCOPED_TRACE(name + ": " + std::to_string(c.queries) + " x " + std::to_string(c.keys) + " x " +
                 std::to_string(c.head_dim));
    const Inputs<T> in = {random_rows<T>(random, c.queries * c.head_dim, c.size),
                          random_rows<T>(random, c.keys * c.head_dim, 1),
                          random_rows<T>(random, c.keys * c.head_dim, 1),
                          static_cast<float>(1 / std::sqrt(double(c.head_dim)))};
    const auto want = reference(c, in);
    const auto got = run(flash, c, in);
    // An error of a score of size s is a relative one of its probability.
    const double bound = step * 5 + 1e-6 * c.size * std::sqrt(double(c.head_dim));
    double error = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(to_float(got[i]), want[i], bound) << i;
      error += std::pow(to_float(got[i]) - want[i], 2);
      size += std::pow(want[i], 2);
    }
    EXPECT_LE(std::sqrt(error / size), bound);
  }
}

TEST(FlashAttention, EqualsTheReference) {
  for (const IsaRow& row : isa_rows()) {
    const bool vectors = row.table->isa != "scalar";
    EXPECT_EQ(row.table->flash_bf16 != nullptr, vectors) << row.table->isa;
    EXPECT_EQ(row.table->flash_float != nullptr, vectors) << row.table->isa;
    if (!row.supported || !vectors) continue;
    compare<uint16_t>(std::string(row.table->isa) + " bf16", *row.table->flash_bf16, 1.0 / 256);
    compare<float>(std::string(row.table->isa) + " fp32", *row.table->flash_float, 1e-7);
  }
}

// Only where they are fast does a table name them.
TEST(FlashAttention, OfPairsEqualsTheReference) {
  if (!choose_kernels("avx512_bf16")) GTEST_SKIP() << "this CPU has no bf16 pairs";
  compare<uint16_t>("pairs", kPairAttention, 1.0 / 256);
}

TEST(FlashAttention, NanReachesItsOwnQueryOnly) {
  const Case c = {9, 70, 64, true};
  Random random(4);
  for (const IsaRow& row : isa_rows()) {
    if (!row.supported || row.table->flash_float == nullptr) continue;
    Inputs<float> in = {random_rows<float>(random, c.queries * c.head_dim, 1),
                        random_rows<float>(random, c.keys * c.head_dim, 1),
                        random_rows<float>(random, c.keys * c.head_dim, 1), 0.125f};
    in.q[4 * c.head_dim + 5] = NAN;
    const auto out = run(*row.table->flash_float, c, in);
    for (size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(std::isnan(out[i]), i / c.head_dim == 4) << row.table->isa << " " << i;
    }
  }
}

}  // namespace
}  // namespace glmv::kernels
