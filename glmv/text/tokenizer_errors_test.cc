// Every way in which a tokenizer.json can be wrong gives an error that names the place. The cases
// change one thing in a file that loads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "glmv/base/json.h"
#include "glmv/text/tokenizer.h"

namespace glmv::text {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kRoot = GLMV_SOURCE_DIR;

Json read_golden() {
  std::ifstream file(kRoot / "tests/golden/tokenizer/glm45v/tokenizer.json");
  return Json::parse(file);
}

TEST(TokenizerErrors, NameThePlace) {
  const Json good = read_golden();
  ASSERT_TRUE(Tokenizer::parse(good.dump()).has_value());
  std::ifstream cases(kRoot / "tests/cases/tokenizer_errors.jsonl");
  int count = 0;
  for (std::string line; std::getline(cases, line); ++count) {
    const Json row = Json::parse(line);
    const Json broken = row.contains("patch") ? good.patch(row["patch"]) : Json();
    const std::string text = row.contains("text") ? row["text"].get<std::string>() : broken.dump();
    const auto tokenizer = Tokenizer::parse(text, row.value("config", std::string()));
    ASSERT_FALSE(tokenizer.has_value()) << line;
    EXPECT_THAT(tokenizer.error().message, HasSubstr(row["error"].get<std::string>())) << line;
    const Code code = row.value("unsupported", false) ? Code::kUnsupported : Code::kInvalidArgument;
    EXPECT_EQ(tokenizer.error().code, code) << line << tokenizer.error().message;
  }
  EXPECT_GE(count, 30);
}

TEST(TokenizerErrors, TruncatedFilesAreRefused) {
  const std::string text = read_golden().dump();
  for (size_t size = 0; size < text.size(); size += 97) {
    EXPECT_FALSE(Tokenizer::parse(text.substr(0, size)).has_value()) << size;
  }
}

TEST(TokenizerErrors, AnAddedTokenWinsOverAnEqualStringOfTheVocabulary) {
  Json json = read_golden();
  json["model"]["vocab"]["<|user|>"] = json["added_tokens"][7]["id"];
  auto tokenizer = Tokenizer::parse(json.dump());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  json["model"]["vocab"]["<|user|>"] = 5000;
  tokenizer = Tokenizer::parse(json.dump());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->token_id("<|user|>"), json["added_tokens"][7]["id"].get<int32_t>());
}

TEST(TokenizerErrors, AFileWithoutPreTokenizerIsSeenAsCharacters) {
  const auto tokenizer = Tokenizer::load(kRoot / "tests/golden/tokenizer/characters");
  ASSERT_TRUE(tokenizer.has_value());
  EXPECT_EQ(tokenizer->token_separator(), " ");
}

}  // namespace
}  // namespace glmv::text
