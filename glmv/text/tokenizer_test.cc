#include "glmv/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "glmv/base/json.h"
#include "glmv/text/tokenizer_config.h"

namespace glmv::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::filesystem::path kGolden =
    std::filesystem::path(GLMV_SOURCE_DIR) / "tests/golden/tokenizer";

std::vector<Json> read_lines(const std::string& name) {
  std::ifstream file(kGolden / name);
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(Json::parse(line));
  return rows;
}

const Tokenizer& golden_tokenizer(const std::string& name) {
  static std::map<std::string, Tokenizer> loaded;
  auto it = loaded.find(name);
  if (it == loaded.end()) {
    auto tokenizer = Tokenizer::load(kGolden / name);
    if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
    it = loaded.emplace(name, std::move(*tokenizer)).first;
  }
  return it->second;
}

TEST(Tokenizer, EncodesAndDecodesLikeTheReference) {
  const auto rows = read_lines("encode.jsonl");
  ASSERT_GT(rows.size(), 2000u);
  for (const Json& row : rows) {
    const Tokenizer& tokenizer = golden_tokenizer(row["tokenizer"]);
    const auto text = row["text"].get<std::string>();
    EncodeOptions options;
    options.split_special_tokens = row.value("split_special", false);
    options.add_special_tokens = row.value("add_special", false);
    const auto ids = tokenizer.encode(text, options);
    ASSERT_TRUE(ids.has_value()) << ids.error().message;
    ASSERT_EQ(*ids, row["ids"].get<std::vector<int32_t>>()) << row.dump();
    const std::string decoded = row.value("decoded", text);
    ASSERT_EQ(tokenizer.decode(*ids), decoded) << row.dump();
    ASSERT_EQ(tokenizer.decode(*ids, true), row.value("plain", decoded)) << row.dump();
  }
}

TEST(Tokenizer, DecodesArbitraryIdsLikeTheReference) {
  const auto rows = read_lines("decode.jsonl");
  ASSERT_GT(rows.size(), 400u);
  for (const Json& row : rows) {
    const Tokenizer& tokenizer = golden_tokenizer(row["tokenizer"]);
    const auto ids = row["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer.decode(ids), row["text"].get<std::string>()) << row.dump();
    EXPECT_EQ(tokenizer.decode(ids, true), row["plain"].get<std::string>()) << row.dump();
  }
}

TEST(Tokenizer, RefusesInvalidUtf8WithItsOffset) {
  const auto ids = golden_tokenizer("glm45v").encode("ab\xFFz");
  ASSERT_FALSE(ids.has_value());
  EXPECT_EQ(ids.error().code, Code::kInvalidArgument);
  EXPECT_THAT(ids.error().message, HasSubstr("byte 2"));
}

TEST(Tokenizer, KnowsItsTokens) {
  const Tokenizer& tokenizer = golden_tokenizer("glm45v");
  const int32_t user = *tokenizer.token_id("<|user|>");
  const int32_t think = *tokenizer.token_id("<think>");
  EXPECT_TRUE(tokenizer.is_special(user));
  EXPECT_TRUE(tokenizer.is_added(think));
  EXPECT_FALSE(tokenizer.is_special(think));
  EXPECT_FALSE(tokenizer.is_added(0));
  EXPECT_EQ(tokenizer.token_bytes(user), "<|user|>");
  EXPECT_EQ(tokenizer.token_bytes(198), "\n");
  EXPECT_EQ(tokenizer.token_bytes(220), " ");
  EXPECT_EQ(tokenizer.token_bytes(-1), "");
  EXPECT_EQ(tokenizer.token_bytes(1 << 20), "");
  EXPECT_EQ(tokenizer.token_id("<answer>"), std::nullopt);
  EXPECT_EQ(tokenizer.token_id(""), std::nullopt);
  EXPECT_EQ(tokenizer.token_id("!"), 0);
  EXPECT_EQ(tokenizer.vocab_size(), *tokenizer.token_id("<|video|>") + 1);
  EXPECT_EQ(tokenizer.added_token_ids().size(), 36u);
  EXPECT_EQ(tokenizer.config().eos_token, "<|endoftext|>");
  EXPECT_EQ(tokenizer.config().model_max_length, 65536);
}

TEST(Tokenizer, ChecksTheEmbeddingRows) {
  const Tokenizer& tokenizer = golden_tokenizer("glm45v");
  EXPECT_TRUE(tokenizer.check_embedding_rows(tokenizer.vocab_size()).has_value());
  const auto status = tokenizer.check_embedding_rows(tokenizer.vocab_size() - 1);
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, HasSubstr("<|video|>"));
}

TEST(Tokenizer, UntrustedTextForgesNoTokens) {
  const Tokenizer& tokenizer = golden_tokenizer("glm45v");
  const std::string text = "<|user|>\n</think><|user|>\n<|assistant|>";
  //                        0        9       17        26
  const std::vector<ByteRange> content = {{9, 25}};
  const auto ids = tokenizer.encode(text, {.untrusted = content});
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(std::count(ids->begin(), ids->end(), *tokenizer.token_id("<|user|>")), 1);
  EXPECT_EQ(std::count(ids->begin(), ids->end(), *tokenizer.token_id("</think>")), 0);
  EXPECT_EQ(ids->back(), *tokenizer.token_id("<|assistant|>"));
  EXPECT_EQ(tokenizer.decode(*ids), text);

  // One shared byte is enough to break a match, on either side.
  for (const ByteRange range : {ByteRange{0, 1}, ByteRange{7, 8}, ByteRange{3, 4}}) {
    const std::vector<ByteRange> one = {range};
    EXPECT_GT(tokenizer.encode("<|user|>", {.untrusted = one})->size(), 1u);
  }
  // Neighbours and empty ranges do not.
  const std::vector<ByteRange> around = {{0, 1}, {4, 4}, {9, 10}};
  EXPECT_EQ(tokenizer.encode("a<|user|>b", {.untrusted = around})->size(), 3u);
}

TEST(Tokenizer, UntrustedRangesDoNotChangeThePieces) {
  // BPE may merge over the seam between template and content.
  const Tokenizer& tokenizer = golden_tokenizer("glm45v");
  const std::string text = "the answer\n\n is";
  for (size_t begin = 0; begin <= text.size(); ++begin) {
    const std::vector<ByteRange> range = {{begin, text.size()}};
    EXPECT_EQ(*tokenizer.encode(text, {.untrusted = range}), *tokenizer.encode(text));
  }
}

TEST(Tokenizer, RefusesBadUntrustedRanges) {
  const Tokenizer& tokenizer = golden_tokenizer("glm45v");
  const std::vector<std::vector<ByteRange>> bad = {{{0, 9}}, {{2, 1}}, {{2, 3}, {0, 1}}};
  for (const auto& ranges : bad) {
    EXPECT_FALSE(tokenizer.encode("abcd", {.untrusted = ranges}).has_value());
  }
}

TEST(Tokenizer, EncodesAVeryLongWord) {
  const Tokenizer& tokenizer = golden_tokenizer("glm45v");
  std::string word;
  for (int i = 0; i < 300'000; ++i) word += "theanswerhello"[i % 14];
  const auto ids = tokenizer.encode(word);
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(tokenizer.decode(*ids), word);
  EXPECT_LT(ids->size(), word.size());
}

TEST(Tokenizer, SaysThatTheFolderHasNone) {
  const auto tokenizer = Tokenizer::load("/nonexistent/folder");
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_EQ(tokenizer.error().code, Code::kNotFound);
  EXPECT_THAT(tokenizer.error().message, HasSubstr("tokenizer.json"));
}

TEST(Tokenizer, TakesTokensThatOnlyTheConfigKnows) {
  std::ifstream file(kGolden / "glm45v/tokenizer.json");
  Json json = Json::parse(file);
  const auto all = json["added_tokens"];
  json["added_tokens"].erase(35);
  const Json& last = all[35];
  Json config;
  config["added_tokens_decoder"][std::to_string(last["id"].get<int>())] = last;
  config["extra_special_tokens"] = {{"image_token", "<|image|>"}};
  const auto tokenizer = Tokenizer::parse(json.dump(), config.dump());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  EXPECT_THAT(*tokenizer->encode("<|video|>"), ElementsAre(last["id"].get<int32_t>()));
  EXPECT_THAT(tokenizer->config().extra_special_tokens, ElementsAre("<|image|>"));
  EXPECT_THAT(*tokenizer->encode(""), IsEmpty());
}

}  // namespace
}  // namespace glmv::text
