#include "glmv/text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/text/special_tokens.h"
#include "glmv/text/tokenizer.h"

namespace glmv::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kTexts = {
    "How many red circles are in the picture? There are 12 red circles in the picture.",
    "What is the answer? The answer is 345.<|user|>\nThe answer is the answer.",
    "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD, it's a picture, isn't it?"};

BpeTrainerOptions small_options() {
  BpeTrainerOptions options;
  options.vocab_size = 256 + 30 + 36;
  options.added_tokens = glm_added_tokens();
  return options;
}

TEST(BpeTrainer, LaysOutBytesMergesAddedTokens) {
  const auto trained = BpeTrainer(small_options()).train(kTexts);
  ASSERT_TRUE(trained.has_value()) << trained.error().message;
  EXPECT_EQ(trained->num_merges, 30);
  EXPECT_EQ(trained->vocab_size, 322);
  const auto tokenizer = Tokenizer::parse(trained->tokenizer.dump(), trained->config.dump());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocab_size(), 322);
  EXPECT_EQ(tokenizer->token_bytes(0), "!");
  EXPECT_EQ(tokenizer->token_bytes(198), "\n");
  EXPECT_GT(tokenizer->token_bytes(256).size(), 1u);
  EXPECT_EQ(SpecialTokens::resolve(*tokenizer).end_of_text, 286);
  EXPECT_EQ(SpecialTokens::resolve(*tokenizer).video, 321);
  EXPECT_TRUE(tokenizer->is_special(286 + 17));
  EXPECT_FALSE(tokenizer->is_special(286 + 18));
  size_t num_bytes = 0;
  size_t num_tokens = 0;
  for (const std::string& text : kTexts) {
    const auto ids = tokenizer->encode(text);
    EXPECT_EQ(tokenizer->decode(*ids), text);
    num_bytes += text.size();
    num_tokens += ids->size();
  }
  EXPECT_LT(num_tokens * 2, num_bytes);
  // Digits stay single.
  EXPECT_EQ(tokenizer->encode("12345")->size(), 5u);
}

TEST(BpeTrainer, FirstMergesAreTheMostFrequentPairs) {
  BpeTrainerOptions options;
  options.vocab_size = 256 + 3;
  const std::vector<std::string> texts = {"abab abab xy", "abab xy"};
  const auto trained = BpeTrainer(options).train(texts);
  ASSERT_TRUE(trained.has_value());
  const auto merges = trained->tokenizer["model"]["merges"];
  // "ab" 6 times; then "abab" 3 times; then " x", "xy" twice each: smaller ids first.
  EXPECT_THAT(merges[0], ElementsAre("a", "b"));
  EXPECT_THAT(merges[1], ElementsAre("ab", "ab"));
  EXPECT_THAT(merges[2], ElementsAre("x", "y"));
}

TEST(BpeTrainer, IsDeterministic) {
  EXPECT_EQ(BpeTrainer(small_options()).train(kTexts)->tokenizer.dump(),
            BpeTrainer(small_options()).train(kTexts)->tokenizer.dump());
}

TEST(BpeTrainer, StopsWhenNoPairIsLeft) {
  BpeTrainerOptions options = small_options();
  options.vocab_size = 5000;
  const auto trained = BpeTrainer(options).train(kTexts);
  ASSERT_TRUE(trained.has_value());
  EXPECT_LT(trained->vocab_size, 5000);
  EXPECT_EQ(trained->vocab_size, 256 + trained->num_merges + 36);
  EXPECT_TRUE(BpeTrainer(options).train({}).has_value());
}

TEST(BpeTrainer, RefusesContradictions) {
  BpeTrainerOptions options = small_options();
  options.vocab_size = 200;
  EXPECT_FALSE(BpeTrainer(options).train(kTexts).has_value());
  options = small_options();
  options.added_tokens[0].id = 286;
  EXPECT_TRUE(BpeTrainer(options).train(kTexts).has_value());
  options.added_tokens[0].id = 900;
  const auto trained = BpeTrainer(options).train(kTexts);
  ASSERT_FALSE(trained.has_value());
  EXPECT_THAT(trained.error().message, HasSubstr("next free id is 286"));
  const std::vector<std::string> bad = {"ok", "a\xFF"};
  const auto invalid = BpeTrainer(small_options()).train(bad);
  ASSERT_FALSE(invalid.has_value());
  EXPECT_THAT(invalid.error().message, HasSubstr("text 1"));
}

}  // namespace
}  // namespace glmv::text
