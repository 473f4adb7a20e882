// Help, manual page, errors and messages in the language of the environment.

#include <algorithm>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

using testing::Not;
using testing::StartsWith;

// "picture, repeatable", "required", "error", in Chinese.
constexpr char kPicture[] = "\u56fe\u7247\uff0c\u53ef\u91cd\u590d\u6307\u5b9a";
constexpr char kRequired[] = "\u5fc5\u9700";
constexpr char kError[] = "\u9519\u8bef\uff1a";

class LanguageTest : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    for (const char* name : {"GLMV_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) ::unsetenv(name);
  }
  void TearDown() override {
    for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) ::unsetenv(name);
    ::setenv("GLMV_LANG", "en", 1);
    Program::TearDown();
  }
  static Outcome in(const std::string& language, const Words& words) {
    ::setenv("GLMV_LANG", language.c_str(), 1);
    return run(words);
  }
};

TEST_F(LanguageTest, EveryTextOfHelpIsTranslated) {
  const Outcome lines = run({"options", "--untranslated"});
  ASSERT_EQ(lines.exit_code, 0) << lines.err;
  EXPECT_EQ(lines.out, "") << "add these to glmv/base/texts/zh.tsv, each with its translation";
}

TEST_F(LanguageTest, HelpInChinese) {
  const Outcome english = run({"ask", "--help-all"});
  const Outcome chinese = in("zh", {"ask", "--help-all"});
  ASSERT_EQ(chinese.exit_code, 0) << chinese.err;
  EXPECT_THAT(english.out, HasSubstr("  -i,--image TEXT ...             picture, repeatable\n"));
  EXPECT_THAT(chinese.out,
              HasSubstr("  -i,--image TEXT ...             " + std::string(kPicture) + "\n"));
  // As many options.
  const auto options_in = [](const std::string& text) {
    size_t count = 0;
    for (size_t at = 0; (at = text.find("\n  -", at)) != text.npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(options_in(english.out), options_in(chinese.out));
  // Beside names of two characters that take three bytes and two columns each.
  EXPECT_THAT(in("zh", {"--help"}).out, HasSubstr("  ask" + std::string(29, ' ') + "\u5c31"));
  const std::string name = "  -o,--output TEXT ";
  EXPECT_THAT(in("zh", {"convert", "--help"}).out,
              HasSubstr(name + kRequired + std::string(34 - 4 - name.size(), ' ') + "\u5199"));
}

// Which value of which variable decides is tested in glmv/base.
TEST_F(LanguageTest, TheEnvironmentDecides) {
  ::setenv("LANG", "C.UTF-8", 1);
  const std::string english = run({"list", "--help"}).out;
  EXPECT_THAT(english, HasSubstr("Usage"));
  ::setenv("LANG", "zh_CN.UTF-8", 1);
  EXPECT_THAT(run({"list", "--help"}).out, HasSubstr("\u7528\u6cd5"));
  ::setenv("LC_ALL", "POSIX", 1);
  EXPECT_EQ(run({"list", "--help"}).out, english);
}

TEST_F(LanguageTest, ManualPageAndCompletions) {
  const Outcome manual = in("zh", {"man"});
  ASSERT_EQ(manual.exit_code, 0) << manual.err;
  EXPECT_THAT(manual.out, HasSubstr(".SH \u540d\u79f0\nglmv \\- GLM\\-V "));
  EXPECT_THAT(manual.out, HasSubstr(kPicture));
  EXPECT_THAT(manual.out, Not(HasSubstr("repeatable")));
  for (const char* shell : {"zsh", "fish"}) {
    EXPECT_THAT(in("zh", {"completion", shell}).out, HasSubstr(kPicture)) << shell;
  }
  // The page of the repository is English wherever it is made.
  EXPECT_EQ(in("zh", {"options", "--markdown"}).out,
            read(GLMV_SOURCE_DIR "/docs/configuration.md"));
}

TEST_F(LanguageTest, ErrorsHaveAChineseFrame) {
  for (const Words& words : {Words{"frobnicate"}, Words{"ask", "--nope"},
                             Words{"convert", path("none"), "-o", path("out")}}) {
    const Outcome outcome = in("zh", words);
    EXPECT_EQ(outcome.exit_code, words[0] == "convert" ? 3 : 2) << words[0];
    EXPECT_THAT(outcome.err, StartsWith(kError)) << words[0];
    EXPECT_THAT(outcome.err, Not(HasSubstr("error:"))) << words[0];
  }
}

}  // namespace
}  // namespace glmv::e2e
