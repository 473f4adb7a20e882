#include "glmv/parsers/html_repair.h"

#include <gtest/gtest.h>

#include "glmv/base/random.h"
#include "glmv/parsers/cases_for_test.h"
#include "glmv/parsers/html_compat.h"

namespace glmv::parsers {
namespace {

std::string repaired(std::string_view text, size_t first, size_t size) {
  HtmlRepair repair;
  std::string out = repair.push(text.substr(0, first));
  for (size_t i = first; i < text.size(); i += size) out += repair.push(text.substr(i, size));
  out += repair.finish();
  EXPECT_FALSE(repair.in_html());
  return out;
}

TEST(HtmlRepair, Cases) {
  for (const Json& test : read_cases("html_fixed")) {
    const auto text = test["text"].get<std::string>(), out = test["out"].get<std::string>();
    EXPECT_EQ(repair_html(text), out) << test["name"];
  }
}

TEST(HtmlRepair, EveryCutGivesTheSame) {
  for (const Json& test : read_cases("html_fixed")) {
    const auto text = test["text"].get<std::string>(), out = test["out"].get<std::string>();
    for (const size_t size : {1u, 2u, 3u, 7u}) {
      EXPECT_EQ(repaired(text, 0, size), out) << test["name"] << " in pieces of " << size;
    }
    if (text.size() > 1000) continue;
    for (size_t first = 0; first <= text.size(); ++first) {
      EXPECT_EQ(repaired(text, first, text.size() + 1), out) << test["name"] << " at " << first;
    }
  }
}

TEST(HtmlRepair, WhatIsFencedStaysAsItIs) {
  for (const Json& test : read_cases("html_fixed")) {
    const auto out = test["out"].get<std::string>();
    EXPECT_EQ(repair_html(out), out) << test["name"];
  }
}

// Texts put together from what matters.
TEST(HtmlRepair, RandomTextsInRandomCuts) {
  constexpr std::string_view kPieces[] = {"<html>",   "</html>",      "<div>", "</div>",
                                          "<div/>",   "<div",         ">",     "<!DOCTYPE html>",
                                          "\n",       "\n",           "\\n",   "\\\"",
                                          "```",      "~~~",          "``",    "  ",
                                          "word",     "<b>",          "</b>",  "<style>",
                                          "</style>", "\xE4\xBD\xA0", "\xE4",  "<",
                                          "/",        "\\",           " ",     "\t"};
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (size_t n = random.below(14); n > 0; --n) {
      text += kPieces[random.below(std::size(kPieces))];
    }
    const std::string whole = repair_html(text);
    HtmlRepair repair;
    std::string out;
    for (size_t i = 0; i < text.size();) {
      const size_t size = 1 + random.below(9);
      out += repair.push(std::string_view(text).substr(i, size));
      i += size;
    }
    out += repair.finish();
    ASSERT_EQ(out, whole) << text;
  }
}

TEST(HtmlRepair, HoldsBackLittle) {
  HtmlRepair repair;
  EXPECT_EQ(repair.push("Let me:\n\n<"), "Let me:\n\n");
  EXPECT_EQ(repair.push("htm"), "");
  EXPECT_EQ(repair.push("x"), "<htmx");
  EXPECT_EQ(repair.push(" a < b"), " a < b");
  EXPECT_EQ(repair.push("\n<!DOCTYPE"), "\n");
  EXPECT_EQ(repair.push(std::string(64, ' ')), "<!DOCTYPE" + std::string(64, ' '));
  EXPECT_EQ(repair.push("\n<html>"), "\n");
  EXPECT_EQ(repair.push("\n<body>\n"), "```html\n<html>\n<body>");
  EXPECT_TRUE(repair.in_html());
  EXPECT_EQ(repair.push("x"), "\nx");
  EXPECT_EQ(repair.push("</html>"), "</html>\n```\n");
  EXPECT_FALSE(repair.in_html());
}

// A megabyte of what is held, in small pieces.
TEST(HtmlRepair, LongRunsAreLinear) {
  for (const std::string_view run : {" ", "\n", "`", "<", "<html", "\\", "</div"}) {
    for (const std::string_view before : {"", "<html>\n", "<div>\nx</div>", "```", "<div>\\n"}) {
      HtmlRepair repair;
      std::string text(before);
      std::string out = repair.push(text);
      for (size_t i = 0; i < 1'000'000 / run.size(); ++i) out += repair.push(run);
      out += repair.finish();
      EXPECT_GT(out.size(), 0u);
    }
  }
}

TEST(HtmlCompat, Detection) {
  for (const Json& test : read_cases("html_detect")) {
    const auto text = test["text"].get<std::string>();
    EXPECT_EQ(looks_like_html(text, false), test["whole"].get<bool>()) << test;
    EXPECT_EQ(looks_like_html(text, true), test["stream"].get<bool>()) << test;
    EXPECT_EQ(html_start(text), test["start"].get<size_t>()) << test;
  }
}

TEST(HtmlCompat, Streams) {
  for (const Json& test : read_cases("html_streams")) {
    HtmlCompat compat;
    for (int round = 0; round < 2; ++round) {  // finish() begins anew
      for (size_t i = 0; i < test["chunks"].size(); ++i) {
        const HtmlCompat::Piece piece = compat.push(test["chunks"][i].get<std::string>());
        EXPECT_EQ(piece.text, test["outputs"][i].get<std::string>()) << test;
        EXPECT_EQ(piece.detected, test["detected"][i].get<bool>()) << test;
      }
      EXPECT_EQ(compat.finish(), test["end"].get<std::string>()) << test;
    }
  }
}

TEST(HtmlCompat, WithoutStreamingNothingEndsTheFence) {
  HtmlCompat compat(false);
  EXPECT_EQ(compat.push("<html>").text, "```html\n<html>");
  EXPECT_EQ(compat.finish(), "");
  EXPECT_FALSE(compat.push("<p>a</p>").detected);
}

}  // namespace
}  // namespace glmv::parsers
