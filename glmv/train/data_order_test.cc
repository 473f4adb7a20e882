#include "glmv/train/data_order.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace glmv::train {
namespace {

std::vector<int64_t> epoch_of(const DataOrder& order, int64_t size, int64_t epoch) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < size; ++i) indices.push_back(order.index_at(epoch * size + i));
  return indices;
}

TEST(DataOrder, EveryEpochVisitsEverySampleOnce) {
  for (const int64_t size : {1, 2, 3, 4, 5, 17, 64, 1000}) {
    const DataOrder order(size, 7, true);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      const auto indices = epoch_of(order, size, epoch);
      const std::set<int64_t> unique(indices.begin(), indices.end());
      EXPECT_EQ(unique.size(), static_cast<size_t>(size));
      EXPECT_EQ(*unique.begin(), 0);
      EXPECT_EQ(*unique.rbegin(), size - 1);
    }
  }
}

TEST(DataOrder, DependsOnSeedAndEpoch) {
  const DataOrder a(1000, 7, true), b(1000, 8, true), same(1000, 7, true);
  EXPECT_NE(epoch_of(a, 1000, 0), epoch_of(a, 1000, 1));
  EXPECT_NE(epoch_of(a, 1000, 0), epoch_of(b, 1000, 0));
  EXPECT_EQ(epoch_of(a, 1000, 2), epoch_of(same, 1000, 2));
}

TEST(DataOrder, LooksShuffled) {
  // The number of neighbours that stay neighbours is about 2 in a random order of 1000.
  const auto indices = epoch_of(DataOrder(1000, 1, true), 1000, 0);
  int neighbours = 0;
  for (size_t i = 1; i < indices.size(); ++i) {
    neighbours += std::abs(indices[i] - indices[i - 1]) == 1;
  }
  EXPECT_LT(neighbours, 12);
}

TEST(DataOrder, ServesSourcesOfAnySize) {
  for (const int64_t size : {int64_t{1} << 40, (int64_t{1} << 62) + 3, INT64_MAX}) {
    const DataOrder order(size, 3, true);
    std::set<int64_t> seen;
    for (int64_t i = 0; i < 1000; ++i) {
      const int64_t index = order.index_at(i);
      EXPECT_GE(index, 0);
      EXPECT_LT(index, size);
      seen.insert(index);
    }
    EXPECT_EQ(seen.size(), 1000u);
  }
}

TEST(DataOrder, WithoutShuffleCountsUp) {
  const DataOrder order(3, 1, false);
  EXPECT_EQ(epoch_of(order, 3, 5), (std::vector<int64_t>{0, 1, 2}));
}

}  // namespace
}  // namespace glmv::train
