// --help: pages that fit on a screen of 80 columns and 24 lines.

#include <algorithm>
#include <sstream>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

Words lines_of(const std::string& text) {
  std::istringstream stream(text);
  Words lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void expect_a_screen(const std::string& text) {
  const Words lines = lines_of(text);
  EXPECT_LE(lines.size(), 24u) << text;
  for (const std::string& line : lines) {
    // The path of the program may be long.
    if (!line.starts_with("Usage:")) EXPECT_LE(line.size(), 80u) << line;
  }
}

// "--top-p", ... of a page.
Words options_in(const std::string& text) {
  Words names;
  for (size_t at = 0; (at = text.find("--", at)) != text.npos;) {
    const size_t end =
        std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_", at), text.size());
    const bool starts = at > 0 && (text[at - 1] == ',' || text[at - 1] == ' ');
    if (starts && end > at + 2) names.push_back(text.substr(at, end - at));
    at = end;
  }
  return names;
}

// The words that the first page offers.
Words groups_in(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  const std::string begin = "with one of: ";
  const size_t at = text.find(begin);
  Words words;
  if (at == text.npos) return words;
  std::istringstream list(text.substr(at + begin.size(), text.find('.', at) - at - begin.size()));
  for (std::string word; list >> word;) {
    if (word.back() == ',') word.pop_back();
    words.push_back(word);
  }
  return words;
}

TEST_F(Program, HelpFitsOnAScreen) {
  const std::string commands = run({"--help"}).out;
  for (const char* command : {"ask",       "chat",       "serve",    "batch",
                              "ground",    "video",      "fix-html", "pull",
                              "list",      "rm",         "doctor",   "plan",
                              "inspect",   "eval",       "bench",    "bench-thinking",
                              "train",     "synth",      "convert",  "quantize",
                              "make-tiny", "completion", "man"}) {
    SCOPED_TRACE(command);
    EXPECT_THAT(commands, HasSubstr(command));
    const Outcome help = run({command, "--help"});
    ASSERT_EQ(help.exit_code, 0) << help.err;
    expect_a_screen(help.out);
  }
}

// Commands of many groups; between them they have nearly all that there are.
class HelpByGroup : public Program {
 protected:
  void expect_every_option_on_a_page(const std::string& command) {
    const Outcome all = run({command, "--help-all"});
    ASSERT_EQ(all.exit_code, 0) << all.err;
    const Words groups = groups_in(run({command, "--help"}).out);
    EXPECT_GE(groups.size(), 4u);
    std::string pages;
    for (const std::string& group : groups) {
      SCOPED_TRACE(group);
      const Outcome page = run({command, "--help", group});
      ASSERT_EQ(page.exit_code, 0) << page.err;
      expect_a_screen(page.out);
      pages += page.out;
    }
    const Words shown = options_in(pages);
    for (const std::string& option : options_in(all.out)) {
      EXPECT_NE(std::ranges::find(shown, option), shown.end()) << option;
    }
  }
};

TEST_F(HelpByGroup, OfChat) { expect_every_option_on_a_page("chat"); }
TEST_F(HelpByGroup, OfServe) { expect_every_option_on_a_page("serve"); }
TEST_F(HelpByGroup, OfTrain) { expect_every_option_on_a_page("train"); }
TEST_F(HelpByGroup, OtherWords) {
  EXPECT_EQ(run({"ask", "--help=sampling"}).out, run({"ask", "-h", "Sampling"}).out);
  expect_error(run({"ask", "--help", "nonsense"}), 2, "known: ");
}

}  // namespace
}  // namespace glmv::e2e
