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
    const Outcome first = run({command, "--help"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    expect_a_screen(first.out);
    const Outcome all = run({command, "--help-all"});
    ASSERT_EQ(all.exit_code, 0) << all.err;
    const Words groups = groups_in(first.out);
    if (groups.empty()) {
      EXPECT_EQ(first.out, all.out);
      continue;
    }
    // Every option stands on the page of some group.
    std::string pages;
    for (const std::string& group : groups) {
      SCOPED_TRACE(group);
      const Outcome page = run({command, "--help", group});
      ASSERT_EQ(page.exit_code, 0) << page.err;
      expect_a_screen(page.out);
      EXPECT_EQ(run({command, "--help=" + group}).out, page.out);
      pages += page.out;
    }
    const Words shown = options_in(pages);
    for (const std::string& option : options_in(all.out)) {
      EXPECT_NE(std::ranges::find(shown, option), shown.end()) << option;
    }
  }
  expect_error(run({"ask", "--help", "nonsense"}), 2, "known: ");
}

}  // namespace
}  // namespace glmv::e2e
