#include "glmv/runtime/prompt_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmv::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int32_t> next(std::vector<int32_t> tokens, int64_t most = 4) {
  return look_up_next(tokens, most);
}

TEST(PromptLookup, WhatFollowedTheLastTokensBefore) {
  EXPECT_THAT(next({1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(next({1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}, 2), ElementsAre(4, 5));
  EXPECT_THAT(next({9, 1, 2, 7, 8, 4, 1, 2}), ElementsAre(7, 8, 4, 1));
}

TEST(PromptLookup, ThreeTokensBeforeTwoThenTheLatestPlace) {
  EXPECT_THAT(next({5, 1, 2, 10, 7, 1, 2, 20, 5, 1, 2}, 1), ElementsAre(10));
  EXPECT_THAT(next({1, 2, 10, 1, 2, 20, 6, 1, 2}, 1), ElementsAre(20));
}

TEST(PromptLookup, RepeatsOfOneTokenGoOn) {
  EXPECT_THAT(next({3, 3, 3, 3}), ElementsAre(3));
  EXPECT_THAT(next({4, 3, 3, 3, 3, 3, 3}), ElementsAre(3));
}

TEST(PromptLookup, NothingWhereNothingRepeats) {
  EXPECT_THAT(next({}), IsEmpty());
  EXPECT_THAT(next({1}), IsEmpty());
  EXPECT_THAT(next({1, 2}), IsEmpty());
  EXPECT_THAT(next({1, 2, 3, 4, 2}), IsEmpty());
}

}  // namespace
}  // namespace glmv::runtime
