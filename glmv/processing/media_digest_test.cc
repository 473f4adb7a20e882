#include "glmv/processing/media_digest.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace glmv::processing {
namespace {

Medium medium_of(Grid grid, int64_t num_values) {
  Medium medium;
  medium.grid = grid;
  medium.patches.resize(num_values);
  std::iota(medium.patches.begin(), medium.patches.end(), 1.0f);
  return medium;
}

TEST(MediaDigest, EveryPartCounts) {
  const Medium plain = medium_of({1, 4, 6}, 24 * 12);
  std::set<Digest> seen = {media_digest(plain)};
  const auto differs = [&](Medium medium) { return seen.insert(media_digest(medium)).second; };
  EXPECT_FALSE(differs(plain));
  // The same values in another shape: transposed, in one row, as frames.
  EXPECT_TRUE(differs(medium_of({1, 6, 4}, 24 * 12)));
  EXPECT_TRUE(differs(medium_of({1, 2, 12}, 24 * 12)));
  EXPECT_TRUE(differs(medium_of({2, 2, 6}, 24 * 12)));
  Medium video = plain;
  video.kind = MediaKind::kVideo;
  EXPECT_TRUE(differs(video));
  Medium shorter = plain;
  shorter.patches.pop_back();
  EXPECT_TRUE(differs(shorter));
  for (const size_t i : {size_t{0}, plain.patches.size() / 2, plain.patches.size() - 1}) {
    Medium changed = plain;
    changed.patches[i] = -changed.patches[i];
    EXPECT_TRUE(differs(changed)) << i;
  }
  Medium swapped = plain;
  std::swap(swapped.patches[3], swapped.patches[4]);
  EXPECT_TRUE(differs(swapped));
  // The size of the original and times of frames do not reach the model by this way.
  Medium same = plain;
  same.width = 77;
  same.timestamps_s = {1.0};
  EXPECT_FALSE(differs(same));
}

// Published for routers and other processes: it must never change.
TEST(MediaDigest, AFixedValue) {
  Medium medium = medium_of({1, 2, 2}, 4);
  EXPECT_EQ(media_digest(medium).hex(),
            "313856bfe5cf941eb45fb8822fb59dd5790826433fdab04f41e431bd1b5857ac");
}

}  // namespace
}  // namespace glmv::processing
