#include "glmv/terminal/styled_text.h"

#include <gtest/gtest.h>

#include "glmv/terminal/display_width.h"

namespace glmv::terminal {
namespace {

using Lines = std::vector<std::string>;

TEST(DisplayWidth, Characters) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("\u4f60\u597d"), 4);  // Chinese
  EXPECT_EQ(display_width("\uff21"), 2);        // fullwidth A
  EXPECT_EQ(display_width("\uac00"), 2);        // Hangul
  EXPECT_EQ(display_width("e\u0301"), 1);       // combining accent
  EXPECT_EQ(display_width("\U0001F600"), 2);    // emoji
  EXPECT_EQ(display_width("a\u200bb"), 2);      // zero width space
  EXPECT_EQ(display_width("\033[1;31mred\033[0m"), 3);
  EXPECT_EQ(display_width("\033]8;;http://x\033\\link\033]8;;\033\\"), 4);
  EXPECT_EQ(display_width("\xff\xfe"), 2);
}

TEST(DisplayWidth, ClustersAreStepsOfACursor) {
  const std::string text = "e\u0301\U0001F469\u200d\U0001F680\U0001F1E9\U0001F1EAx";
  EXPECT_EQ(cluster_at(text, 0).num_bytes, 3u);
  const Cluster rocket = cluster_at(text, 3);
  EXPECT_EQ(rocket.num_bytes, 11u);
  EXPECT_EQ(cluster_at(text, 14).num_bytes, 8u);
  std::vector<size_t> steps;
  for (size_t at = text.size(); at > 0;) steps.push_back(at = cluster_before(text, at));
  EXPECT_EQ(steps, (std::vector<size_t>{22, 14, 3, 0}));
}

TEST(DisplayWidth, ShortenedAndPrintable) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc...");
  EXPECT_EQ(display_width(shortened("\u4f60\u597d\u4f60\u597d", 7)), 7);
  EXPECT_EQ(printable("a\033[2Jb\x07\tc\n"), "a^[[2Jb^G\tc\n");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\uFFFD2J");  // a C1 control
  EXPECT_EQ(printable("\xff"), "\uFFFD");
}

TEST(Wrap, BreaksAtBlanksAndKeepsWords) {
  EXPECT_EQ(wrap("the quick brown fox", 10), (Lines{"the quick", "brown fox"}));
  EXPECT_EQ(wrap("abcdefghijkl", 5), (Lines{"abcde", "fghij", "kl"}));
  EXPECT_EQ(wrap("a abcdefghijkl", 5), (Lines{"a", "abcde", "fghij", "kl"}));
  EXPECT_EQ(wrap("", 5), (Lines{""}));
  EXPECT_EQ(wrap("a\n\nb", 5), (Lines{"a", "", "b"}));
  EXPECT_EQ(wrap("well-known fact", 7), (Lines{"well-", "known", "fact"}));
  EXPECT_EQ(wrap("see --help-all", 8), (Lines{"see", "--help-", "all"}));
  EXPECT_EQ(wrap("\u4e0e --option", 8), (Lines{"\u4e0e", "--option"}));
  EXPECT_EQ(wrap("12345 ", 5), (Lines{"12345"}));
}

TEST(Wrap, EastAsianTextBreaksAnywhereButBeforeItsStops) {
  // Six wide characters in 7 columns: three a line.
  EXPECT_EQ(wrap("\u4e00\u4e8c\u4e09\u56db\u4e94\u516d", 7),
            (Lines{"\u4e00\u4e8c\u4e09", "\u56db\u4e94\u516d"}));
  // The stop may not begin a line: the character before it comes along.
  EXPECT_EQ(wrap("\u4e00\u4e8c\u4e09\u3002\u56db", 6),
            (Lines{"\u4e00\u4e8c", "\u4e09\u3002\u56db"}));
  // An opening bracket may not end one.
  EXPECT_EQ(wrap("\u4e00\u4e8c\uff08\u4e09\uff09", 6),
            (Lines{"\u4e00\u4e8c", "\uff08\u4e09\uff09"}));
}

TEST(Wrap, NoLineIsWiderAndNothingIsLost) {
  const std::string text =
      "Word \u4f60\u597d\u3002 averyveryverylongwordthatmustbebroken \U0001F600\U0001F600 "
      "end-of-line "
      "e\u0301e\u0301 tail";
  for (int width = 2; width < 60; ++width) {
    std::string joined;
    for (const std::string& line : wrap(text, width)) {
      EXPECT_LE(display_width(line), width) << line;
      joined += line;
    }
    const auto without_blanks = [](std::string s) {
      std::erase(s, ' ');
      return s;
    };
    EXPECT_EQ(without_blanks(joined), without_blanks(text)) << width;
  }
}

TEST(Wrap, StylesGoOnInTheNextLine) {
  const Spans spans = {{"plain ", kPlain}, {"bold words", kBold}};
  const std::vector<Spans> lines = wrap(spans, 10);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(styled(lines[0], true), "plain \033[1mbold\033[0m");
  EXPECT_EQ(styled(lines[1], true), "\033[1mwords\033[0m");
  EXPECT_EQ(styled(lines[1], false), "words");
}

}  // namespace
}  // namespace glmv::terminal
