// Texts of the tables are passed through the catalogue where they are shown: none may be without a
// translation.

#include <gtest/gtest.h>

#include <cstdlib>

#include "glmv/base/texts.h"
#include "glmv/terminal/attachment.h"
#include "glmv/terminal/command_table.h"
#include "glmv/terminal/settings.h"

namespace glmv::terminal {
namespace {

TEST(TableTexts, CommandsAndSettingsAreTranslated) {
  std::string missing;
  const auto check = [&missing](std::string_view text) {
    const bool there = text.empty() || catalogue(Language::kChinese).contains(text);
    if (!there) missing += for_catalogue(text) + "\t\n";
  };
  for (const CommandRow& row : command_rows()) check(row.help);
  for (const SettingRow& row : setting_rows()) check(row.help);
  for (int kind = 0; kind <= static_cast<int>(MediaKind::kText); ++kind) {
    check(kind_name(static_cast<MediaKind>(kind)));
  }
  EXPECT_EQ(missing, "") << "add these to glmv/base/texts/zh.tsv, each with its translation";
}

TEST(TableTexts, HelpIsChineseToItsEnd) {
  ::setenv("GLMV_LANG", "zh", 1);
  const std::string help = help_text("");
  ::setenv("GLMV_LANG", "en", 1);
  EXPECT_EQ(help.find("message"), std::string::npos) << help;
  EXPECT_TRUE(help.ends_with("\u8865\u5168\u3002")) << help;
}

}  // namespace
}  // namespace glmv::terminal
