// What the program says of itself: help, manual page, option page, completions.

#include <sys/wait.h>

#include <cstdlib>
#include <optional>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

using testing::Not;

TEST_F(Program, TheProgramDescribesItself) {
  const std::string page = std::string(GLMV_SOURCE_DIR) + "/docs/configuration.md";
  const Outcome options = run({"options", "--markdown"});
  ASSERT_EQ(options.exit_code, 0) << options.err;
  EXPECT_EQ(options.out, read(page)) << "run: glmv options --markdown > docs/configuration.md";
  const std::string help = run({"--help"}).out;
  const std::string manual = run({"man"}).out;
  const std::string bash = run({"completion", "bash"}).out;
  const std::string zsh = run({"completion", "zsh"}).out;
  const std::string fish = run({"completion", "fish"}).out;
  for (const std::string text : {manual, bash, zsh, fish, options.out, help}) {
    EXPECT_THAT(text, HasSubstr("pull"));
    EXPECT_THAT(text, Not(HasSubstr("decode-media")));
  }
  for (const std::string& text : {manual, bash, zsh, options.out}) {
    EXPECT_THAT(text, HasSubstr(text == manual ? "\\-\\-think\\-budget" : "--think-budget"));
  }
  EXPECT_THAT(bash, HasSubstr("ask,--think) _glmv_words 'on off auto'"));
  EXPECT_THAT(fish, HasSubstr("-l think-budget"));
  EXPECT_THAT(run({"--version"}).out, testing::StartsWith("glmv 0."));
  expect_error(run({"completion", "csh"}), 2, "csh");
}

// The exit code of a program of the system that reads a file; nullopt: it is not installed.
std::optional<int> checked_by(const std::string& program, const std::string& flags,
                              const std::string& path) {
  if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) return std::nullopt;
  const std::string errors = path + ".errors";
  const int status =
      std::system((program + " " + flags + " " + path + " >/dev/null 2>" + errors).c_str());
  EXPECT_EQ(read(errors), "") << program;
  return WEXITSTATUS(status);
}

TEST_F(Program, ShellsAndReadersTakeWhatIsWrittenForThem) {
  int num_checked = 0;
  const auto check = [&](const std::string& program, const std::string& flags, const Words& words) {
    const Outcome outcome = run(words);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto code = checked_by(program, flags, file(program + ".text", outcome.out));
    if (!code) return;
    EXPECT_EQ(*code, 0) << program;
    ++num_checked;
  };
  check("bash", "-n", {"completion", "bash"});
  check("zsh", "-n", {"completion", "zsh"});
  check("fish", "-n", {"completion", "fish"});
  check("groff", "-man -Tutf8 -ww -z", {"man"});
  check("mandoc", "-T lint -W warning", {"man"});
  EXPECT_GE(num_checked, 2);
}

// For a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// What bash offers at the end of a command line.
TEST_F(Program, BashCompletesCommandsOptionsAndModels) {
  const std::string script = file("complete.bash", run({"completion", "bash"}).out);
  const auto offered = [&](const std::string& line) {
    const std::string out = path("offered");
    const std::string words = "source " + script +
                              "; glmv() { " GLMV_BINARY " \"$@\"; }; COMP_WORDS=(" + line +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _glmv; "
                              "printf '%s\\n' \"${COMPREPLY[@]}\" >" +
                              out;
    EXPECT_EQ(std::system(("bash -c " + quoted(words)).c_str()), 0) << line;
    return read(out);
  };
  EXPECT_EQ(offered("glmv grou"), "ground\n");
  EXPECT_EQ(offered("glmv ask --think o"), "on\noff\n");
  EXPECT_THAT(offered("glmv video --ser"), HasSubstr("--served-model\n"));
  EXPECT_EQ(offered("glmv ask -m nan"), "nano\n");
}

}  // namespace
}  // namespace glmv::e2e
