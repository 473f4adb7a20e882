#include "glmv/text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "glmv/base/random.h"
#include "glmv/text/byte_level.h"

namespace glmv::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

BpeSpec bytes_only() {
  BpeSpec spec;
  for (const uint8_t byte : byte_level_order()) {
    const char text = static_cast<char>(byte);
    spec.vocab.emplace_back(byte_level_encode({&text, 1}), spec.vocab.size());
  }
  return spec;
}

void add_merge(BpeSpec& spec, const std::string& left, const std::string& right) {
  spec.merges.emplace_back(left, right);
  for (const auto& [token, id] : spec.vocab) {
    if (token == left + right) return;
  }
  spec.vocab.emplace_back(left + right, spec.vocab.size());
}

// Literal reading of the rule: best rank anywhere, leftmost, until nothing is left.
std::vector<std::string> merge_naively(const BpeSpec& spec, std::vector<std::string> symbols) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  for (size_t i = 0; i < spec.merges.size(); ++i) ranks[spec.merges[i]] = i;
  while (true) {
    size_t best = symbols.size();
    size_t best_rank = ranks.size();
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto it = ranks.find({symbols[i], symbols[i + 1]});
      if (it != ranks.end() && it->second < best_rank) {
        best = i;
        best_rank = it->second;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, EqualsTheLiteralRuleForShortAndLongPieces) {
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    BpeSpec spec = bytes_only();
    std::vector<std::string> known = {"a", "b", "c"};
    while (spec.merges.size() < 25) {
      const std::string left = known[random.below(known.size())];
      const std::string right = known[random.below(known.size())];
      if (left.size() + right.size() > 9) continue;
      if (std::ranges::count(spec.merges, std::pair(left, right)) > 0) continue;
      add_merge(spec, left, right);
      known.push_back(left + right);
    }
    const auto bpe = Bpe::build(spec);
    ASSERT_TRUE(bpe.has_value()) << bpe.error().message;
    for (const size_t length : {1, 2, 3, 7, 20, 47, 48, 49, 50, 120}) {
      std::string piece;
      std::vector<std::string> symbols;
      for (size_t i = 0; i < length; ++i) {
        piece += static_cast<char>('a' + random.below(3));
        symbols.emplace_back(1, piece.back());
      }
      std::vector<int32_t> want;
      for (const auto& token : merge_naively(spec, symbols)) want.push_back(*bpe->find(token));
      std::vector<int32_t> got;
      bpe->encode(piece, got);
      ASSERT_EQ(got, want) << piece;
    }
  }
}

TEST(Bpe, IgnoreMergesTakesAWholePieceOnly) {
  BpeSpec spec = bytes_only();
  spec.vocab.emplace_back("abcd", 256);  // no merge leads to it
  for (const bool ignore_merges : {false, true}) {
    spec.ignore_merges = ignore_merges;
    const auto bpe = Bpe::build(spec);
    ASSERT_TRUE(bpe.has_value());
    std::vector<int32_t> whole;
    bpe->encode("abcd", whole);
    EXPECT_EQ(whole.size(), ignore_merges ? 1u : 4u);
    std::vector<int32_t> longer;
    bpe->encode("abcde", longer);
    EXPECT_EQ(longer.size(), 5u);
  }
}

TEST(Bpe, UnknownCharacters) {
  BpeSpec spec;
  spec.byte_level = false;
  spec.vocab = {{"a", 0}, {"b", 1}, {"ab", 2}, {"?", 3}};
  spec.merges = {{"a", "b"}};
  const auto encode = [&](std::string_view text) {
    std::vector<int32_t> ids;
    Bpe::build(spec)->encode(text, ids);
    return ids;
  };
  // Without unk_token they are dropped, and their neighbours meet.
  EXPECT_THAT(encode("axxb"), ElementsAre(2));
  EXPECT_THAT(encode("xx"), IsEmpty());
  spec.unk_token = "?";
  EXPECT_THAT(encode("axxb"), ElementsAre(0, 3, 3, 1));
  spec.fuse_unk = true;
  EXPECT_THAT(encode("axxb\xC3\xA9"), ElementsAre(0, 3, 1, 3));
}

TEST(Bpe, UnknownTokenMustExist) {
  BpeSpec spec;
  spec.byte_level = false;
  spec.vocab = {{"a", 0}};
  spec.unk_token = "<unk>";
  EXPECT_FALSE(Bpe::build(spec).has_value());
}

TEST(ByteLevel, AlphabetIsGpt2s) {
  EXPECT_EQ(byte_level_order()[0], '!');
  EXPECT_EQ(byte_level_order()[93], '~');
  EXPECT_EQ(byte_level_order()[198], '\n');
  EXPECT_EQ(byte_level_order()[220], ' ');
  EXPECT_EQ(byte_level_order()[255], 0xAD);
  EXPECT_EQ(byte_level_encode(" "), "\xC4\xA0");  // U+0120
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(byte_level_decode(byte_level_encode(all)), all);
  EXPECT_EQ(byte_level_decode("a b"), std::nullopt);
  EXPECT_EQ(byte_level_decode("\xFF"), std::nullopt);
}

}  // namespace
}  // namespace glmv::text
