#include "glmv/runtime/loop_detector.h"

#include <gtest/gtest.h>

#include "glmv/base/random.h"
#include "glmv/base/utf8.h"

namespace glmv::runtime {
namespace {

std::string utf8(std::u32string_view text) {
  std::string out;
  for (char32_t c : text) append_utf8(out, c);
  return out;
}

std::u32string repeat(std::u32string_view text, int n) {
  std::u32string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

constexpr std::u32string_view kSentence = U"The quick brown fox jumps over the lazy dog, again. ";

TEST(HasLoop, Definition) {
  EXPECT_FALSE(has_loop(U""));
  EXPECT_FALSE(has_loop(repeat(kSentence, 9)));
  EXPECT_TRUE(has_loop(repeat(kSentence, 10)));
  EXPECT_FALSE(has_loop(repeat(U"x", 58)));
  EXPECT_TRUE(has_loop(repeat(U"x", 59)));
  // Fillers and table rules are no repetition.
  EXPECT_FALSE(has_loop(repeat(U"=", 5000)));
  EXPECT_FALSE(has_loop(U"|" + repeat(U"-", 5000) + U"|"));
  EXPECT_FALSE(has_loop(repeat(U"\u2588\u2588\u2588\u2588   ", 500)));
  // Pairs of fillers stay.
  EXPECT_TRUE(has_loop(repeat(U"==ab", 100)));
  // Need not be adjacent.
  std::u32string mixed;
  for (char32_t c = U'a'; c < U'a' + 10; ++c) mixed += std::u32string(kSentence) + c + c + c;
  EXPECT_TRUE(has_loop(mixed));
}

TEST(LoopTracker, EqualsTheDefinitionOnEveryPrefix) {
  Random random(3);
  constexpr std::u32string_view kAlphabet = U"=|-~_#*.%\uFF0D\u2588 \u2500ab";
  int num_found = 0;
  for (int round = 0; round < 60; ++round) {
    // A short period of random filler-rich text, repeated with rare disturbances.
    std::u32string period;
    for (uint64_t i = 0, n = 2 + random.below(6); i < n; ++i) {
      period.append(1 + random.below(3), kAlphabet[random.below(kAlphabet.size())]);
    }
    std::u32string text;
    LoopTracker tracker;
    bool found = false;
    while (text.size() < 500 && !found) {
      std::u32string piece =
          random.below(6) == 0 ? period.substr(random.below(period.size())) : period;
      if (random.below(30) == 0) piece.push_back(kAlphabet[random.below(kAlphabet.size())]);
      for (size_t i = 0; i < piece.size() && !found; ++i) {
        text.push_back(piece[i]);
        for (char byte : utf8(piece.substr(i, 1))) found = tracker.push({&byte, 1});
        ASSERT_EQ(found, has_loop(text)) << utf8(text);
      }
    }
    num_found += found;
  }
  EXPECT_GT(num_found, 10);
  EXPECT_LT(num_found, 60);
}

TEST(LoopTracker, AnyCutOfTheBytesGivesTheSameAnswer) {
  const std::string text = utf8(repeat(U"\u4f60\u597d, \U0001F600 and so on: ", 60));
  for (size_t step : {1, 2, 3, 5, 7, 1000}) {
    LoopTracker tracker;
    size_t at = 0;
    for (; at < text.size(); at += step) {
      if (tracker.push(std::string_view(text).substr(at, step))) break;
    }
    EXPECT_LT(at, text.size()) << step;
  }
}

TEST(LoopTracker, IllFormedBytesAreCharacters) {
  LoopTracker tracker;
  bool found = false;
  for (int i = 0; i < 58; ++i) found = tracker.push("\xFF");
  EXPECT_FALSE(found);
  EXPECT_TRUE(tracker.push("\xFF"));
}

}  // namespace
}  // namespace glmv::runtime
