#include "glmv/runtime/prefix_keys.h"

#include <gtest/gtest.h>

#include <numeric>

#include "glmv/processing/media_digest.h"
#include "glmv/processing/position_ids.h"

namespace glmv::runtime {
namespace {

constexpr int64_t kBlock = 8;
constexpr int32_t kPicture = 99;

const PrefixRoot kRoot{.numerics = "Float/Float", .block_tokens = kBlock, .merge = 2};

// Text tokens 1, 2, ...; a picture of 2 x 3 tokens before each index of `at`.
processing::ModelInput input_of(int64_t num_text, const std::vector<int64_t>& at,
                                std::vector<float> values = {}) {
  processing::ModelInput input;
  for (int64_t i = 0; i < num_text; ++i) {
    for (size_t j = 0; j < at.size(); ++j) {
      if (at[j] != i) continue;
      input.input_ids.insert(input.input_ids.end(), 6, kPicture);
      input.mm_token_types.insert(input.mm_token_types.end(), 6, 1);
      processing::Medium medium;
      medium.grid = {1, 4, 6};
      medium.patches.assign(24 * 4, values.empty() ? 1.0f : values[j]);
      medium.digest = processing::media_digest(medium);
      input.media.push_back(std::move(medium));
    }
    input.input_ids.push_back(static_cast<int32_t>(i + 1));
    input.mm_token_types.push_back(0);
  }
  EXPECT_TRUE(processing::set_position_ids(input, 2));
  return input;
}

std::vector<Digest> keys_of(const processing::ModelInput& input, std::string_view salt = "",
                            const PrefixRoot& root = kRoot) {
  PrefixKeys keys(root, input, salt);
  const auto span = keys.extend(input.input_ids);
  return {span.begin(), span.end()};
}

size_t num_common(const std::vector<Digest>& a, const std::vector<Digest>& b) {
  const size_t n = std::min(a.size(), b.size());
  for (size_t i = n; i-- > 0;) {
    EXPECT_TRUE(a[i] != b[i] || i == 0 || a[i - 1] == b[i - 1]) << "a name covers all before it";
  }
  for (size_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) return i;
  }
  return n;
}

TEST(PrefixKeys, OnlyFullBlocksHaveNamesAndTheyGrowWithTheTokens) {
  const auto input = input_of(21, {});
  PrefixKeys keys(kRoot, input, "");
  std::vector<int32_t> tokens = input.input_ids;
  EXPECT_EQ(keys.extend(tokens).size(), 2u);
  const Digest second = keys.extend(tokens)[1];
  for (int32_t i = 0; i < 3; ++i) tokens.push_back(22 + i);
  EXPECT_EQ(keys.extend(tokens).size(), 3u);
  EXPECT_EQ(keys.extend(tokens)[1], second);
  EXPECT_EQ(keys.parent(2), second);
  // The next turn, where the answer is part of the prompt.
  EXPECT_EQ(keys_of(input_of(24, {})).back(), keys.extend(tokens)[2]);
}

TEST(PrefixKeys, ModelNumericsAndSaltKeepPrefixesApart) {
  const auto input = input_of(16, {3});
  const auto plain = keys_of(input);
  EXPECT_EQ(keys_of(input), plain);
  EXPECT_EQ(num_common(keys_of(input, "tenant a"), plain), 0u);
  EXPECT_EQ(num_common(keys_of(input, "tenant a"), keys_of(input, "tenant b")), 0u);
  PrefixRoot root = kRoot;
  root.numerics = "BFloat16/int8";
  EXPECT_EQ(num_common(keys_of(input, "", root), plain), 0u);
  root = kRoot;
  root.model.bytes[31] = 1;
  EXPECT_EQ(num_common(keys_of(input, "", root), plain), 0u);
  // The fields are framed: what leaves one does not come into the next.
  PrefixRoot shifted = kRoot;
  shifted.numerics = "Float/FloatX";
  EXPECT_EQ(num_common(keys_of(input, "", shifted), keys_of(input, "X")), 0u);
  const Digest medium = *input.media[0].digest;
  EXPECT_NE(encoded_medium_key(medium, "tenant a"), encoded_medium_key(medium, "tenant b"));
}

TEST(PrefixKeys, AnotherPictureUnderTheSameIdsHasOtherNames) {
  const auto a = keys_of(input_of(30, {10}, {1.0f}));
  EXPECT_EQ(num_common(a, keys_of(input_of(30, {10}, {2.0f}))), 1u);
  // Two pictures that change places.
  const auto ab = keys_of(input_of(40, {2, 20}, {1.0f, 2.0f}));
  EXPECT_EQ(num_common(ab, keys_of(input_of(40, {2, 20}, {2.0f, 1.0f}))), 0u);
  EXPECT_EQ(num_common(ab, keys_of(input_of(40, {2, 20}, {1.0f, 1.0f}))), 3u);
}

TEST(PrefixKeys, TheSamePictureOneTokenLaterHasOtherNames) {
  // Blocks of nothing but picture tokens: their ids are equal, only where the picture began
  // differs.
  const auto at = [](int64_t index) {
    processing::ModelInput input;
    input.input_ids.assign(40, kPicture);
    input.mm_token_types.assign(40, 1);
    for (int64_t i = 0; i < index; ++i) input.mm_token_types[i] = 0;
    for (int64_t i = index + 24; i < 40; ++i) input.mm_token_types[i] = 0;
    processing::Medium medium;
    medium.grid = {1, 8, 12};
    medium.patches.assign(96 * 4, 1.0f);
    medium.digest = processing::media_digest(medium);
    input.media.push_back(std::move(medium));
    EXPECT_TRUE(processing::set_position_ids(input, 2));
    return input;
  };
  EXPECT_EQ(num_common(keys_of(at(8)), keys_of(at(9))), 1u);
  EXPECT_EQ(num_common(keys_of(at(8)), keys_of(at(8))), 5u);
}

TEST(PrefixKeys, ATransposedPictureIsAnother) {
  auto input = input_of(20, {0});
  const auto before = keys_of(input);
  input.media[0].grid = {1, 6, 4};
  input.media[0].digest = processing::media_digest(input.media[0]);
  EXPECT_TRUE(processing::set_position_ids(input, 2));
  EXPECT_EQ(num_common(keys_of(input), before), 0u);
}

TEST(PrefixKeys, UnusualPositionsAreAnotherPrefix) {
  auto input = input_of(20, {});
  const auto before = keys_of(input);
  for (auto& axis : input.position_ids) {
    for (int32_t& position : axis) position += 5;
  }
  EXPECT_EQ(num_common(keys_of(input), before), 0u);
}

// Published for routers and other processes: it must never change. The same is computed by
// docs/server.md's formula.
TEST(PrefixKeys, FixedValues) {
  const auto keys = keys_of(input_of(12, {6}), "salt");
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].hex(), "18d466a9a5544dceeda2aff0f1df3426477b49ac99ebe809cca278d4f0b4b3ca");
  EXPECT_EQ(keys[1].hex(), "4377b14c5a1f5a6340aedaaa22380cb49684565bf3c2731ba9e59325a3eb11c3");
}

}  // namespace
}  // namespace glmv::runtime
