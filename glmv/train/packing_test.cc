#include "glmv/train/packing.h"

#include <gtest/gtest.h>

#include <numeric>

#include "glmv/base/random.h"

namespace glmv::train {
namespace {

using Bins = std::vector<std::vector<int64_t>>;

TEST(Packing, BestFitDecreasing) {
  const std::vector<int64_t> lengths = {3, 7, 5, 4, 6};
  // 7+3, 6+4, 5.
  EXPECT_EQ(pack(lengths, 10), (Bins{{0, 1}, {2}, {3, 4}}));
}

TEST(Packing, NoLimitIsOneBin) {
  const std::vector<int64_t> lengths = {3, 7, 5};
  EXPECT_EQ(pack(lengths, 0), (Bins{{0, 1, 2}}));
}

TEST(Packing, LongSampleGetsItsOwnBin) {
  const std::vector<int64_t> lengths = {2, 50, 3};
  EXPECT_EQ(pack(lengths, 10), (Bins{{0, 2}, {1}}));
}

TEST(Packing, AtLeastSoManyBinsEvenlyFilled) {
  const std::vector<int64_t> lengths = {5, 5, 5, 5};
  EXPECT_EQ(pack(lengths, 0, 2), (Bins{{0, 2}, {1, 3}}));
  EXPECT_EQ(pack(lengths, 0, 9).size(), 4u);
}

TEST(Packing, EmptyInput) { EXPECT_TRUE(pack({}, 10).empty()); }

TEST(Packing, EverySampleOnceAndNoBinOverfull) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> lengths(1 + random.below(40));
    for (int64_t& length : lengths) length = random.between(1, 100);
    const int64_t capacity = random.between(50, 300);
    std::vector<int> seen(lengths.size());
    int64_t total = 0;
    const Bins bins = pack(lengths, capacity, random.between(1, 4));
    for (const auto& bin : bins) {
      int64_t used = 0;
      for (int64_t sample : bin) {
        used += lengths[static_cast<size_t>(sample)];
        ++seen[static_cast<size_t>(sample)];
      }
      EXPECT_TRUE(used <= capacity || bin.size() == 1);
      EXPECT_FALSE(bin.empty());
      total += used;
    }
    EXPECT_EQ(seen, std::vector<int>(lengths.size(), 1));
    EXPECT_EQ(total, std::accumulate(lengths.begin(), lengths.end(), int64_t{0}));
  }
}

}  // namespace
}  // namespace glmv::train
