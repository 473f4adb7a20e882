#include "glmv/processing/position_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/processing/golden_lines.h"

namespace glmv::processing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<uint8_t> types(std::initializer_list<std::pair<int, int>> runs) {
  std::vector<uint8_t> all;
  for (const auto& [type, count] : runs) all.insert(all.end(), count, static_cast<uint8_t>(type));
  return all;
}

TEST(PositionIds, TextAndPicture) {
  const auto p =
      compute_positions(types({{0, 4}, {1, 6}, {0, 3}}), std::vector{Grid{1, 4, 6}}, {}, 2);
  ASSERT_TRUE(p);
  EXPECT_THAT(p->ids[0], ElementsAre(0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 7, 8, 9));
  EXPECT_THAT(p->ids[1], ElementsAre(0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 7, 8, 9));
  EXPECT_THAT(p->ids[2], ElementsAre(0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(p->delta, -3);
}

TEST(PositionIds, Video) {
  const auto p = compute_positions(types({{0, 3}, {2, 4}, {0, 3}, {2, 4}, {0, 3}}), {},
                                   std::vector{Grid{2, 4, 4}}, 2);
  ASSERT_TRUE(p);
  EXPECT_THAT(p->ids[0], ElementsAre(0, 1, 2, 3, 3, 3, 3, 5, 6, 7, 8, 8, 8, 8, 10, 11, 12));
  EXPECT_THAT(p->ids[1], ElementsAre(0, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 8, 9, 9, 10, 11, 12));
  EXPECT_THAT(p->ids[2], ElementsAre(0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12));
  EXPECT_EQ(p->delta, -4);
}

TEST(PositionIds, SingleColumnHasNoDelta) {
  const auto p =
      compute_positions(types({{0, 2}, {1, 4}, {0, 2}}), std::vector{Grid{1, 8, 2}}, {}, 2);
  EXPECT_THAT(p->ids[1], ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(p->ids[0], ElementsAre(0, 1, 2, 2, 2, 2, 6, 7));
  EXPECT_EQ(p->delta, 0);
}

TEST(PositionIds, TextOnlyAndEmpty) {
  const auto p = compute_positions(types({{0, 5}}), {}, {}, 2);
  EXPECT_THAT(p->ids[2], ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(p->delta, 0);
  EXPECT_EQ(compute_positions({}, {}, {}, 2)->delta, 0);
}

TEST(PositionIds, MismatchesAreErrors) {
  const std::vector grid{Grid{1, 4, 4}};
  EXPECT_THAT(
      compute_positions(types({{1, 8}}), std::vector{grid[0], grid[0]}, {}, 2).error().message,
      HasSubstr("adjacent_media"));
  EXPECT_THAT(compute_positions(types({{1, 3}}), grid, {}, 2).error().message,
              HasSubstr("placeholder_mismatch"));
  EXPECT_THAT(compute_positions(types({{0, 3}}), grid, {}, 2).error().message,
              HasSubstr("more media"));
  EXPECT_FALSE(compute_positions(types({{1, 4}}), {}, grid, 2));
  EXPECT_FALSE(compute_positions(types({{1, 4}, {0, 1}, {1, 4}}), grid, {}, 2));
}

TEST(PositionIds, GoldensOfTheReference) {
  int checked = 0;
  for (const Json& row : golden_lines("positions.jsonl")) {
    if (!row.contains("types")) continue;
    std::vector<uint8_t> token_types;
    for (const Json& run : row["types"]) {
      token_types.insert(token_types.end(), run[1].get<size_t>(), run[0].get<uint8_t>());
    }
    const auto grids = [](const Json& list) {
      std::vector<Grid> out;
      for (const Json& g : list) out.push_back({g[0], g[1], g[2]});
      return out;
    };
    const auto p = compute_positions(token_types, grids(row["images"]), grids(row["videos"]), 2);
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(p->delta, row["delta"].get<int>());
    for (size_t axis = 0; axis < 3; ++axis) {
      uint64_t hash = 0;
      for (int32_t id : p->ids[axis])
        hash = (hash * 1000003 + static_cast<uint64_t>(id)) % 2147483647;
      EXPECT_EQ(hash, row["hash"][axis].get<uint64_t>()) << row.dump();
    }
    ++checked;
  }
  EXPECT_GE(checked, 40);
}

}  // namespace
}  // namespace glmv::processing
