#include "glmv/text/stop_string_matcher.h"

#include <gtest/gtest.h>

#include "glmv/base/random.h"

namespace glmv::text {
namespace {

struct Outcome {
  std::string text;
  std::string matched;
};

// Literal reading: the match that ends first, of these the longest.
Outcome search(const std::string& text, const std::vector<std::string>& stops, bool include) {
  for (size_t end = 0; end <= text.size(); ++end) {
    std::string best;
    for (const std::string& stop : stops) {
      if (!stop.empty() && text.substr(0, end).ends_with(stop) && stop.size() > best.size()) {
        best = stop;
      }
    }
    if (!best.empty()) return {text.substr(0, include ? end : end - best.size()), best};
  }
  return {text, ""};
}

TEST(StopStringMatcher, EqualsTheLiteralRuleForEveryCutting) {
  Random random(9);
  const std::vector<std::vector<std::string>> lists = {
      {"ab"}, {"aab", "b"}, {"abab", "ba"}, {"aaa"}, {"abc", "bcaab", "c"}, {"", "cc"}, {}};
  for (int round = 0; round < 4000; ++round) {
    const auto& stops = lists[random.below(lists.size())];
    const bool include = random.below(2) == 1;
    std::string text;
    const uint64_t length = random.below(14);
    for (uint64_t i = 0; i < length; ++i) text += static_cast<char>('a' + random.below(3));
    StopStringMatcher matcher(stops, include);
    std::string shown;
    for (size_t pos = 0; pos < text.size();) {
      const size_t size = 1 + random.below(4);
      shown += matcher.push(std::string_view(text).substr(pos, size));
      pos += size;
    }
    shown += matcher.finish();
    const Outcome want = search(text, stops, include);
    ASSERT_EQ(shown, want.text) << text;
    ASSERT_EQ(matcher.matched(), want.matched) << text;
    ASSERT_EQ(matcher.stopped(), !want.matched.empty());
  }
}

TEST(StopStringMatcher, HoldsBackOnlyWhatCouldBecomeAMatch) {
  StopStringMatcher matcher({"</answer>", "END"});
  EXPECT_EQ(matcher.push("x </ans"), "x ");
  EXPECT_EQ(matcher.push("<"), "</ans");
  EXPECT_EQ(matcher.push("/answer"), "");
  EXPECT_EQ(matcher.push("E"), "</answer");
  EXPECT_EQ(matcher.push("ND more"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.matched(), "END");
  EXPECT_EQ(matcher.push("y"), "");
  EXPECT_EQ(matcher.finish(), "");
}

}  // namespace
}  // namespace glmv::text
