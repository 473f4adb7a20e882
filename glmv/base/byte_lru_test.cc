#include "glmv/base/byte_lru.h"

#include <gtest/gtest.h>

namespace glmv {
namespace {

Digest key_of(uint64_t n) { return Sha256().add_u64(n).digest(); }

TEST(ByteLru, WhatWasUsedLongestAgoGoesFirst) {
  ByteLru<int> cache(100);
  for (int i = 0; i < 4; ++i) cache.put(key_of(i), i, 25);
  EXPECT_EQ(cache.num_bytes(), 100);
  ASSERT_NE(cache.find(key_of(0)), nullptr);
  cache.put(key_of(4), 4, 30);  // 1 and 2 go
  EXPECT_EQ(cache.find(key_of(1)), nullptr);
  EXPECT_EQ(cache.find(key_of(2)), nullptr);
  EXPECT_EQ(*cache.find(key_of(0)), 0);
  EXPECT_EQ(*cache.find(key_of(3)), 3);
  EXPECT_EQ(*cache.find(key_of(4)), 4);
  EXPECT_EQ(cache.num_bytes(), 80);
}

TEST(ByteLru, AKeyIsReplacedAndWhatIsTooLargeIsNotKept) {
  ByteLru<int> cache(100);
  cache.put(key_of(1), 1, 60);
  cache.put(key_of(1), 2, 90);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(*cache.find(key_of(1)), 2);
  EXPECT_EQ(cache.num_bytes(), 90);
  cache.put(key_of(2), 3, 101);
  EXPECT_EQ(cache.find(key_of(2)), nullptr);
  EXPECT_EQ(cache.size(), 1u);
  cache.put(key_of(1), 4, 101);  // the old one is out of date
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.num_bytes(), 0);
  ByteLru<int> none(0);
  none.put(key_of(1), 1, 1);
  EXPECT_EQ(none.find(key_of(1)), nullptr);
}

}  // namespace
}  // namespace glmv
