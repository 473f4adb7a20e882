#include "glmv/terminal/live_region.h"

#include <gtest/gtest.h>

#include <random>

#include "glmv/terminal/styled_text.h"
#include "glmv/terminal/virtual_screen_for_test.h"

namespace glmv::terminal {
namespace {

using Lines = std::vector<std::string>;

TEST(LiveRegion, GrowsShrinksAndIsCommitted) {
  VirtualScreen screen(20, 10);
  LiveRegion region(screen);
  region.draw({"hel"});
  region.draw({"hello"});
  EXPECT_EQ(screen.raw, "hello");  // only what is new was written
  region.draw({"hello", "world"});
  EXPECT_EQ(screen.lines(), (Lines{"hello", "world"}));
  region.draw({"HELLO"});
  EXPECT_EQ(screen.lines(), (Lines{"HELLO"}));
  region.commit({"done", "for good"});
  region.draw({"next"});
  region.clear();
  region.commit({"last"});
  EXPECT_EQ(screen.lines(), (Lines{"done", "for good", "last"}));
}

TEST(LiveRegion, AnySequenceOfDrawingsShowsTheLastOne) {
  std::mt19937 random(7);
  const auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  const Lines pieces = {"",
                        "a",
                        "abc",
                        "\u4f60\u597d\u4f60\u597d\u4f60\u597d",
                        "12345678901",
                        styled("bold", kBold, true),
                        "0123456789",
                        "0123456789abcdefghij",
                        "\u4e00\u4e8c\u4e09\u56db\u4e94"};
  for (int round = 0; round < 300; ++round) {
    VirtualScreen screen(10, 12);
    LiveRegion region(screen);
    std::string expected;
    for (int step = 0; step < 12; ++step) {
      Lines lines;
      for (int i = pick(4); i > 0; --i) lines.push_back(pieces[static_cast<size_t>(pick(9))]);
      const bool commit = pick(4) == 0 && !lines.empty();
      commit ? region.commit(lines) : region.draw(lines);
      VirtualScreen reference(10, 1000);
      reference.write(expected);
      std::string text;
      for (size_t i = 0; i < lines.size(); ++i) text += (i > 0 ? "\n" : "") + lines[i];
      if (commit) text += "\n";
      reference.write(text);
      ASSERT_EQ(screen.lines(), reference.lines()) << "round " << round << " step " << step;
      if (commit) expected += text;
    }
  }
}

TEST(LiveRegion, LinesThatLeftTheScreenStay) {
  VirtualScreen screen(20, 4);
  LiveRegion region(screen);
  region.draw({"1", "2", "3", "4", "5", "6"});
  EXPECT_TRUE(region.is_taller_than_screen());
  region.draw({"1", "2", "3", "4", "5", "six"});
  EXPECT_EQ(screen.lines(), (Lines{"1", "2", "3", "4", "5", "six"}));
}

TEST(LiveRegion, ANarrowerScreenHoldsTheSameText) {
  VirtualScreen screen(20, 10);
  LiveRegion region(screen);
  region.commit({"before"});
  region.draw({"0123456789abcdef"});
  // What the terminal made of it when it became narrower.
  VirtualScreen narrow(10, 10);
  narrow.write(screen.raw);
  screen = narrow;
  region.resize({"0123456789", "abcdef"});
  EXPECT_EQ(screen.lines(), (Lines{"before", "0123456789", "abcdef"}));
}

}  // namespace
}  // namespace glmv::terminal
