// Attention by tiles against fp64 sums.

#include "glmv/kernels/attention.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "glmv/base/random.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

float to_float(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }

std::vector<uint16_t> random_rows(Random& random, int64_t n, double size) {
  std::vector<uint16_t> rows(n);
  for (uint16_t& value : rows) {
    value = std::bit_cast<uint32_t>(static_cast<float>(size * random.normal())) >> 16;
  }
  return rows;
}

struct Case {
  int64_t queries, keys, head_dim;
  bool causal;
  double size;  // of queries: large ones make a few keys win
};

constexpr Case kCases[] = {
    {1, 1, 32, false, 1},     {32, 32, 64, true, 1},     {7, 45, 128, true, 1},
    {32, 300, 128, false, 1}, {20, 129, 96, true, 8},    {32, 1000, 128, true, 4},
    {3, 128, 256, false, 20}, {32, 257, 128, false, 40},
    // Several blocks of queries in one call.
    {128, 300, 128, true, 2}, {100, 260, 64, false, 1},  {45, 45, 96, true, 1},
};

std::vector<double> reference(const Case& c, const std::vector<uint16_t>& q,
                              const std::vector<uint16_t>& k, const std::vector<uint16_t>& v,
                              double scale) {
  std::vector<double> out(c.queries * c.head_dim);
  for (int64_t i = 0; i < c.queries; ++i) {
    const int64_t seen = c.causal ? c.keys - (c.queries - 1 - i) : c.keys;
    std::vector<double> weight(seen);
    double largest = -INFINITY, total = 0;
    for (int64_t j = 0; j < seen; ++j) {
      for (int64_t e = 0; e < c.head_dim; ++e) {
        weight[j] += double(to_float(q[i * c.head_dim + e])) * to_float(k[j * c.head_dim + e]);
      }
      weight[j] *= scale;
      largest = std::max(largest, weight[j]);
    }
    for (double& w : weight) total += w = std::exp(w - largest);
    for (int64_t j = 0; j < seen; ++j) {
      for (int64_t e = 0; e < c.head_dim; ++e) {
        out[i * c.head_dim + e] += weight[j] / total * to_float(v[j * c.head_dim + e]);
      }
    }
  }
  return out;
}

TEST(TileAttention, EqualsTheReference) {
  Random random(3);
  for (const Case& c : kCases) {
    const auto q = random_rows(random, c.queries * c.head_dim, c.size);
    const auto k = random_rows(random, c.keys * c.head_dim, 1);
    const auto v = random_rows(random, c.keys * c.head_dim, 1);
    const double scale = 1 / std::sqrt(double(c.head_dim));
    const auto want = reference(c, q, k, v, scale);
    for (const IsaRow& row : isa_rows()) {
      if (!row.supported || row.table->attention == nullptr) continue;
      const TileAttention& attention = *row.table->attention;
      // Garbage where nothing is written must not matter; keys are packed in two parts.
      std::vector<uint16_t> keys(packed_head_size(c.keys, c.head_dim), 0x7fc0);
      std::vector<uint16_t> values(keys.size(), 0x7fc0);
      const int64_t middle = std::min(c.keys, kKeyTile * 2);
      for (const auto& [begin, end] : {std::pair(int64_t{0}, middle), std::pair(middle, c.keys)}) {
        if (begin == end) continue;
        attention.pack_keys(k.data(), c.head_dim, begin, end, c.head_dim, keys.data());
        attention.pack_values(v.data(), c.head_dim, begin, end, c.head_dim, values.data());
      }
      std::vector<uint16_t> out(c.queries * c.head_dim);
      attention.attend({.q = q.data(),
                        .ldq = c.head_dim,
                        .num_queries = c.queries,
                        .keys = keys.data(),
                        .values = values.data(),
                        .head_dim = c.head_dim,
                        .num_keys = c.keys,
                        .causal = c.causal,
                        .scale = static_cast<float>(scale),
                        .out = out.data(),
                        .ldo = c.head_dim});
      double error = 0, size = 0;
      for (size_t i = 0; i < out.size(); ++i) {
        // Probabilities and results have 8 bits of mantissa.
        ASSERT_NEAR(to_float(out[i]), want[i], 0.02) << row.table->isa << " " << c.keys << " " << i;
        error += std::pow(to_float(out[i]) - want[i], 2);
        size += std::pow(want[i], 2);
      }
      EXPECT_LE(std::sqrt(error / size), 5e-3) << row.table->isa << " " << c.keys;
    }
  }
}

}  // namespace
}  // namespace glmv::kernels
