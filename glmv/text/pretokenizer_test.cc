#include "glmv/text/pretokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "glmv/base/random.h"
#include "glmv/base/utf8.h"
#include "glmv/text/unicode_classes.h"

namespace glmv::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kRoot = GLMV_SOURCE_DIR;

std::vector<std::string> pieces_of(const PreTokenizer& pre_tokenizer, std::string_view text) {
  PreTokenizer::Pieces pieces;
  const auto status = pre_tokenizer.split(text, pieces);
  EXPECT_TRUE(status.has_value());
  return {pieces.pieces.begin(), pieces.pieces.end()};
}

Json split_step(const std::string& pattern) {
  Json step = {{"type", "Split"}, {"behavior", "Isolated"}, {"invert", false}};
  step["pattern"]["Regex"] = pattern;
  return step;
}

std::vector<std::string> scan(const GlmSplit& split, std::string_view text) {
  std::vector<std::string> pieces;
  for (size_t pos = 0; pos < text.size();) {
    const size_t end = split.next(text, pos);
    pieces.emplace_back(text.substr(pos, end - pos));
    pos = end;
  }
  return pieces;
}

TEST(PreTokenizer, CutsLikeTheReference) {
  std::ifstream file(kRoot / "tests/golden/tokenizer/pieces.jsonl");
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const Json row = Json::parse(line);
    const auto text = row["text"].get<std::string>();
    const auto pre_tokenizer = PreTokenizer::from_json(split_step(row["pattern"]));
    ASSERT_TRUE(pre_tokenizer.has_value()) << pre_tokenizer.error().message;
    EXPECT_EQ(pieces_of(*pre_tokenizer, text), row["pieces"].get<std::vector<std::string>>())
        << line;
  }
  EXPECT_GT(count, 300);
}

TEST(GlmSplit, EqualsTheRegexOnRandomText) {
  Random random(5);
  const std::vector<char32_t> chars = {
      'a',   'S',   's',    'l',   'L',  'e',    'r',    'v',     't',     'm',  'd', '1',    '2',
      ' ',   ' ',   ' ',    '\n',  '\r', '\t',   '\'',   '\'',    '.',     '!',  '_', 0x3000, 0x85,
      0x301, 0x17F, 0x4F60, 0x664, 0xBD, 0x180E, 0x200B, 0x1F600, 0x31350, 0x1C, 0};
  for (const int max_digits : {1, 3}) {
    const GlmSplit split(max_digits);
    const auto regex = RegexSplit::compile(GlmSplit::pattern(max_digits));
    ASSERT_TRUE(regex.has_value()) << regex.error().message;
    for (int i = 0; i < 4000; ++i) {
      std::string text;
      const uint64_t length = 1 + random.below(20);
      for (uint64_t k = 0; k < length; ++k) append_utf8(text, chars[random.below(chars.size())]);
      std::vector<std::string> want;
      const auto segments = regex->find(text);
      ASSERT_TRUE(segments.has_value());
      for (const Segment& segment : *segments) {
        EXPECT_TRUE(segment.is_match);
        want.push_back(text.substr(segment.begin, segment.end - segment.begin));
      }
      ASSERT_EQ(scan(split, text), want) << Json(text).dump();
    }
  }
}

TEST(GlmSplit, RecognisesItsPattern) {
  for (const int max_digits : {1, 2, 3, 17}) {
    const auto split = GlmSplit::from_pattern(GlmSplit::pattern(max_digits));
    ASSERT_TRUE(split.has_value());
    EXPECT_EQ(split->max_digits(), max_digits);
  }
  std::string pattern = GlmSplit::pattern(3);
  EXPECT_FALSE(GlmSplit::from_pattern(pattern + "|x").has_value());
  EXPECT_FALSE(GlmSplit::from_pattern("x|" + pattern).has_value());
  pattern.replace(pattern.find("{1,3}"), 5, "{0,3}");
  EXPECT_FALSE(GlmSplit::from_pattern(pattern).has_value());
  EXPECT_FALSE(GlmSplit::from_pattern("").has_value());
}

TEST(UnicodeClasses, HaveTheSizesOfTheReference) {
  int counts[4] = {};
  for (char32_t c = 0; c <= 0x10FFFF; ++c) ++counts[static_cast<int>(char_class(c))];
  EXPECT_EQ(counts[static_cast<int>(CharClass::kLetter)], 141028);
  EXPECT_EQ(counts[static_cast<int>(CharClass::kNumber)], 1911);
  EXPECT_EQ(counts[static_cast<int>(CharClass::kSpace)], 25);
  EXPECT_EQ(char_class(0x180E), CharClass::kOther);
  EXPECT_EQ(char_class(0x1C), CharClass::kOther);
  EXPECT_EQ(char_class(0x85), CharClass::kSpace);
  EXPECT_EQ(char_class(0x31350), CharClass::kLetter);  // assigned in Unicode 15
  EXPECT_EQ(char_class(0x10FFFF), CharClass::kOther);
}

TEST(PreTokenizer, PrefixesASpaceOnRequest) {
  const auto pre_tokenizer = PreTokenizer::from_json(
      {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"use_regex", true}});
  ASSERT_TRUE(pre_tokenizer.has_value());
  EXPECT_TRUE(pre_tokenizer->is_byte_level());
  EXPECT_THAT(pieces_of(*pre_tokenizer, "ab 12cd"), ElementsAre(" ab", " 12", "cd"));
  EXPECT_THAT(pieces_of(*pre_tokenizer, " ab"), ElementsAre(" ab"));
}

TEST(RegexSplit, PatternsThatBacktrackWithoutEndGiveAnError) {
  const std::string text(5000, 'a');
  for (const char* pattern : {"(a+)+[bc]", "(a|aa)+[bc]", "(?:a*)*[bc]", "(a*a*a*a*a*)[bc]"}) {
    const auto regex = RegexSplit::compile(pattern);
    ASSERT_TRUE(regex.has_value()) << pattern;
    const auto segments = regex->find(text);
    ASSERT_FALSE(segments.has_value()) << pattern;
    EXPECT_EQ(segments.error().code, Code::kResourceExhausted) << pattern;
    EXPECT_THAT(segments.error().message, HasSubstr("too many steps"));
  }
}

TEST(RegexSplit, EmptyMatchesCut) {
  const auto regex = RegexSplit::compile("x*");
  ASSERT_TRUE(regex.has_value());
  const auto segments = regex->find("axb");
  ASSERT_TRUE(segments.has_value());
  size_t covered = 0;
  for (const Segment& segment : *segments) {
    EXPECT_EQ(segment.begin, covered);
    covered = segment.end;
  }
  EXPECT_EQ(covered, 3u);
}

TEST(RegexSplit, RefusesSyntaxThatMeansSomethingElse) {
  for (const char* pattern : {"\\h", "a\\Kb", "[a[b]]", "[a&&b]", "(*UCP)a", "\\Qa\\E", "\\C"}) {
    EXPECT_FALSE(RegexSplit::compile(pattern).has_value()) << pattern;
  }
  for (const char* pattern : {"[]a]", "[^]a]", "[[:alpha:]]", "[\\]\\[]", "\\\\s", "[^\\S]"}) {
    EXPECT_TRUE(RegexSplit::compile(pattern).has_value()) << pattern;
  }
}

TEST(RegexSplit, LiteralsAreNoPatterns) {
  const auto regex = RegexSplit::compile_literal("a.b");
  ASSERT_TRUE(regex.has_value());
  EXPECT_EQ(regex->find("axb")->size(), 1u);
  EXPECT_EQ(regex->find("xa.b")->size(), 2u);
}

}  // namespace
}  // namespace glmv::text
