#include "glmv/parsers/timeline.h"

#include <gtest/gtest.h>

#include <chrono>

#include "glmv/base/random.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/cases_for_test.h"
#include "glmv/parsers/written_time.h"

namespace glmv::parsers {
namespace {

TEST(Timeline, Cases) {
  for (const Json& test : read_cases("timeline")) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string text = test["text"];
    const std::vector<TimedEvent> got = parse_timeline(text, test["duration"]);
    ASSERT_EQ(got.size(), test["events"].size());
    for (size_t i = 0; i < got.size(); ++i) {
      const Json& want = test["events"][i];
      EXPECT_NEAR(got[i].begin_s, want["begin"].get<double>(), 1e-9);
      EXPECT_EQ(got[i].is_range, want.contains("end"));
      EXPECT_NEAR(got[i].end_s, want.value("end", want["begin"].get<double>()), 1e-9);
      EXPECT_EQ(got[i].text, want.value("text", got[i].text));
      EXPECT_EQ(got[i].reordered, want.value("reordered", false));
      EXPECT_EQ(got[i].beyond, want.value("beyond", false));
      EXPECT_LT(got[i].begin, got[i].end);
      EXPECT_LE(got[i].end, text.size());
    }
  }
}

TEST(Timeline, AnyTextGivesOrderedEndsAndCleanText) {
  const std::string alphabet =
      "0123456789:::..-~ \n,sminh[](){}\"start\xE8\x87\xB3\xE7\xA7\x92\xFF";
  Random random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (uint64_t n = random.below(60); n > 0; --n) text += alphabet[random.below(alphabet.size())];
    for (const TimedEvent& event : parse_timeline(text, 60)) {
      EXPECT_TRUE(event.begin_s >= 0 && event.begin_s <= event.end_s) << text;
      EXPECT_FALSE(find_invalid_utf8(event.text)) << text;
    }
  }
}

TEST(Timeline, LongTextEndsSoon) {
  for (const std::string unit : {"0:05-0:10 ", "0:05 x\n", "5 s ", "[{\"start\":1,", "1:", "9"}) {
    std::string text;
    for (int i = 0; i < 50000; ++i) text += unit;
    const auto start = std::chrono::steady_clock::now();
    parse_timeline(text, 60);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << unit;
  }
}

TEST(WrittenTime, WholeTexts) {
  EXPECT_EQ(parse_whole_time(" 1:02:03.5 "), 3723.5);
  EXPECT_EQ(parse_whole_time("12"), 12.0);
  EXPECT_EQ(parse_whole_time("1 h 1 min 1 s"), 3661.0);
  EXPECT_EQ(parse_whole_time("00:00:10,250"), 10.25);
  for (const char* bad : {"", "x", "-1", "1:2:3:4", "1:60", "12 sheep", "1 s 1 min", "1e9", "5m"}) {
    EXPECT_EQ(parse_whole_time(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace glmv::parsers
