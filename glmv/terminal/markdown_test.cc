#include <gtest/gtest.h>

#include "glmv/terminal/display_width.h"
#include "glmv/terminal/markdown_blocks.h"
#include "glmv/terminal/markdown_inline.h"
#include "glmv/terminal/markdown_render.h"

namespace glmv::terminal {
namespace {

using Lines = std::vector<std::string>;

std::string marked(std::string_view text) {
  std::string out;
  for (const Span& span : parse_inline(text, false)) {
    const char* mark = (span.style & kBold) != 0        ? "B"
                       : (span.style & kItalic) != 0    ? "I"
                       : (span.style & kCode) != 0      ? "C"
                       : (span.style & kStrike) != 0    ? "S"
                       : (span.style & kUnderline) != 0 ? "U"
                                                        : "";
    out += *mark == 0 ? span.text : "{" + std::string(mark) + ":" + span.text + "}";
  }
  return out;
}

TEST(Inline, Marks) {
  EXPECT_EQ(marked("a **b** c"), "a {B:b} c");
  EXPECT_EQ(marked("a *b* _c_"), "a {I:b} {I:c}");
  EXPECT_EQ(marked("snake_case_name and 2 * 3 * 4"), "snake_case_name and 2 * 3 * 4");
  EXPECT_EQ(marked("`a*b*` ``c`d``"), "{C:a*b*} {C:c`d}");
  EXPECT_EQ(marked("~~old~~ ~x~"), "{S:old} ~x~");
  EXPECT_EQ(marked("[text](http://a.b)"), "{U:text} (http://a.b)");
  EXPECT_EQ(marked("[1](2) [not a link] (x)"), "{U:1} (2) [not a link] (x)");
  EXPECT_EQ(marked("**open"), "**open");
  EXPECT_EQ(marked("***both***"), "{B:both}");
  EXPECT_EQ(marked("\\*no\\*"), "*no*");
}

TEST(Inline, FormulasStayAsTheyAre) {
  EXPECT_EQ(marked("\\(a_1 * b_2 * c\\) and \\[x*y*z\\]"), "\\(a_1 * b_2 * c\\) and \\[x*y*z\\]");
  EXPECT_EQ(marked("$a*b*c$ and $$x_i_j$$"), "$a*b*c$ and $$x_i_j$$");
  EXPECT_EQ(marked("$5 or $6 is *much*"), "$5 or $6 is {I:much}");
}

TEST(Inline, BoxesAreBold) {
  EXPECT_EQ(marked("It is <|begin_of_box|>42<|end_of_box|>."), "It is {B:42}.");
  EXPECT_EQ(marked("<|begin_of_box|>open"), "{B:open}");
  EXPECT_EQ(marked("<b>tag</b>"), "<b>tag</b>");
}

TEST(Inline, WithoutStylesTheMarksStay) {
  std::string text;
  for (const Span& span : parse_inline("**b** `c` <|begin_of_box|>7<|end_of_box|>", true)) {
    text += span.text;
  }
  EXPECT_EQ(text, "**b** `c` 7");
}

TEST(Inline, HostileTextTakesLinearTime) {
  for (const char* unit : {"*", "**a", "_a ", "`", "[", "$", "\\(", "<|begin_of_box|>", "~~"}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    EXPECT_FALSE(parse_inline(text, false).empty());
  }
}

std::vector<Block> blocks_of(std::string_view text, size_t piece) {
  BlockStream stream;
  std::vector<Block> all;
  const auto take = [&](std::vector<Block> more) {
    for (Block& block : more) all.push_back(std::move(block));
  };
  for (size_t at = 0; at < text.size(); at += piece) take(stream.feed(text.substr(at, piece)));
  take(stream.finish());
  return all;
}

constexpr std::string_view kDocument =
    "# Title\nFirst *line*\nsecond\n\n- one\n  more\n- two\n\n1. a\n2) b\n> quote\n> on\n\n"
    "| a | b |\n|---|--:|\n| 1 | 2 |\nafter\n```cpp\nint x = 1;\n\n- no item\n```\n\\[\nx = "
    "y\n\\]\n"
    "---\n$$a$$\nend";

TEST(Blocks, KindsAndSources) {
  const std::vector<Block> blocks = blocks_of(kDocument, kDocument.size());
  std::vector<std::pair<BlockKind, std::string>> found;
  for (const Block& b : blocks) found.emplace_back(b.kind, b.source);
  using K = BlockKind;
  const std::vector<std::pair<BlockKind, std::string>> expected = {
      {K::kHeading, "# Title"},
      {K::kParagraph, "First *line*\nsecond"},
      {K::kBlank, ""},
      {K::kItem, "- one\n  more"},
      {K::kItem, "- two"},
      {K::kBlank, ""},
      {K::kItem, "1. a"},
      {K::kItem, "2) b"},
      {K::kQuote, "> quote\n> on"},
      {K::kBlank, ""},
      {K::kTable, "| a | b |\n|---|--:|\n| 1 | 2 |"},
      {K::kParagraph, "after"},
      {K::kFenceOpen, "```cpp"},
      {K::kCodeLine, "int x = 1;"},
      {K::kCodeLine, ""},
      {K::kCodeLine, "- no item"},
      {K::kFenceClose, "```"},
      {K::kMath, "\\[\nx = y\n\\]"},
      {K::kRule, "---"},
      {K::kMath, "$$a$$"},
      {K::kParagraph, "end"},
  };
  EXPECT_EQ(found, expected);
}

TEST(Blocks, AnyCutGivesTheSame) {
  const std::vector<Block> whole = blocks_of(kDocument, kDocument.size());
  for (size_t piece = 1; piece < kDocument.size(); ++piece) {
    const std::vector<Block> cut = blocks_of(kDocument, piece);
    ASSERT_EQ(cut.size(), whole.size()) << piece;
    for (size_t i = 0; i < cut.size(); ++i) {
      EXPECT_EQ(cut[i].kind, whole[i].kind);
      EXPECT_EQ(cut[i].source, whole[i].source);
    }
  }
}

TEST(Blocks, AFenceClosesOnlyWithItsOwnMarks) {
  const std::vector<Block> blocks = blocks_of("````\n```\n~~~\n````\nx", 3);
  ASSERT_EQ(blocks.size(), 5u);
  EXPECT_EQ(blocks[1].kind, BlockKind::kCodeLine);
  EXPECT_EQ(blocks[2].kind, BlockKind::kCodeLine);
  EXPECT_EQ(blocks[3].kind, BlockKind::kFenceClose);
}

Lines render(std::string_view text, RenderOptions options) {
  Lines lines;
  for (const Block& block : blocks_of(text, 7)) {
    for (std::string& line : render_block(block, options)) lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Render, PlainForms) {
  const RenderOptions plain{30, false, true};
  EXPECT_EQ(render("# T\n- a **b**\n  - c\n> q\n", plain),
            (Lines{"# T", "\u2022 a **b**", "  \u2022 c", "\u2502 q"}));
  EXPECT_EQ(render("1. first point that is long enough to wrap\n", plain),
            (Lines{"1. first point that is long", "   enough to wrap"}));
  EXPECT_EQ(render("a  **b**\n", {30, false, false}), (Lines{"a  **b**"}));
}

TEST(Render, Tables) {
  const std::string table = "| name | n |\n|:--|--:|\n| apple | 3 |\n| fig \\| x | 12 |\n";
  const Lines lines = render(table, {40, false, true});
  EXPECT_EQ(lines[0], "name    \u2502  n");
  EXPECT_EQ(lines[2], "apple   \u2502  3");
  EXPECT_EQ(lines[3], "fig | x \u2502 12");
  // Far too narrow for three columns: a list a row.
  const Lines narrow = render("|a|b|c|\n|-|-|-|\n|first|second|third|\n", {12, false, true});
  EXPECT_EQ(narrow, (Lines{"a: first", "b: second", "c: third"}));
}

TEST(Render, NoLineIsWiderThanTheScreen) {
  const std::string text =
      std::string(kDocument) +
      "\n\n- \u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\n\n"
      "| \u540d\u5b57 | \u5927\u5c0f\u5927\u5c0f\u5927\u5c0f |\n|--|--|\n| a | b |\n";
  for (int width = 10; width < 70; ++width) {
    for (const bool colour : {false, true}) {
      for (const std::string& line : render(text, {width, colour, true})) {
        EXPECT_LE(display_width(line), width) << line;
        EXPECT_TRUE(colour || line.find('\033') == line.npos) << line;
      }
    }
  }
}

}  // namespace
}  // namespace glmv::terminal
