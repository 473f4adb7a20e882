#include "glmv/base/json_lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace glmv {
namespace {

TEST(JsonLines, EachIsHandedOverWithItsPlace) {
  std::vector<std::string> seen;
  const auto note = [&](const Json& json, const std::string& where) -> Result<void> {
    seen.push_back(where + " " + json.dump());
    return {};
  };
  ASSERT_TRUE(each_json_line("{\"a\":1}\r\n\n \t\n[2]", "f", note));
  EXPECT_EQ(seen, (std::vector<std::string>{"f:1 {\"a\":1}", "f:4 [2]"}));
  EXPECT_TRUE(each_json_line("", "f", note));
  const auto bad = each_json_line("1\n{", "f", note);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("f:2"), std::string::npos) << bad.error().message;
  EXPECT_EQ(seen.size(), 3u);
}

TEST(JsonLines, AnErrorEndsIt) {
  int calls = 0;
  const auto done = each_json_line("1\n2\n", "f", [&](const Json&, const std::string&) {
    ++calls;
    return Result<void>(invalid_argument("no"));
  });
  EXPECT_FALSE(done);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace glmv
