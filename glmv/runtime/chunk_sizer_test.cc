#include "glmv/runtime/chunk_sizer.h"

#include <gtest/gtest.h>

namespace glmv::runtime {
namespace {

TEST(ChunkSizer, StartsWithTheLeast) {
  EXPECT_EQ(ChunkSizer(500, 512).num_tokens(), 32);
  EXPECT_EQ(ChunkSizer(500, 7).num_tokens(), 7);
}

TEST(ChunkSizer, FitsTheTimeInWholeSteps) {
  ChunkSizer sizer(500, 512);
  sizer.observe(512, 2560);  // 5 ms a token
  EXPECT_EQ(sizer.num_tokens(), 96);
  sizer.observe(64, 64 * 40.0);
  EXPECT_EQ(sizer.num_tokens(), 32);  // never less, however slow
  for (int i = 0; i < 20; ++i) sizer.observe(64, 1);
  EXPECT_EQ(sizer.num_tokens(), 512);
}

// A step has a fixed cost a and b a token: the size settles near the best one from both sides.
TEST(ChunkSizer, SettlesWhereAFixedCostIsPartOfTheTime) {
  for (const int64_t first : {32, 1024}) {
    ChunkSizer sizer(100, 1024);
    const auto ms_of = [](int64_t n) { return 20 + 0.5 * static_cast<double>(n); };
    sizer.observe(first, ms_of(first));
    for (int i = 0; i < 30; ++i) sizer.observe(sizer.num_tokens(), ms_of(sizer.num_tokens()));
    EXPECT_LE(ms_of(sizer.num_tokens()), 100 * 1.15) << first;
    EXPECT_GE(sizer.num_tokens(), 96) << first;
  }
}

TEST(ChunkSizer, ShortEndsOfPromptsSayNothing) {
  ChunkSizer sizer(500, 512);
  sizer.observe(512, 512);
  sizer.observe(3, 300);
  EXPECT_EQ(sizer.num_tokens(), 480);
}

}  // namespace
}  // namespace glmv::runtime
