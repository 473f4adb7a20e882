#include "glmv/runtime/stopping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/base/random.h"

namespace glmv::runtime {
namespace {

// A vocabulary given as a list of token texts.
std::function<std::string(int32_t)> bytes_of(std::vector<std::string> vocabulary) {
  return [vocabulary = std::move(vocabulary)](int32_t id) { return vocabulary[id]; };
}

struct Output {
  std::string text;
  std::vector<int32_t> ids;
  FinishReason finish = FinishReason::kNone;
  std::string stop_string;
  int32_t stop_token_id = -1;
  size_t max_held = 0;
};

// Feeds ids until the end; text as a receiver would build it.
Output generate(const StopConditions& conditions, const std::vector<std::string>& vocabulary,
                const std::vector<int32_t>& ids, std::vector<int32_t> eos = {},
                int64_t max_tokens = 1000) {
  Stopping stopping(conditions, eos, max_tokens, bytes_of(vocabulary));
  Output out;
  size_t num_pushed = 0;
  const auto receive = [&](const TokenEvent& event) {
    const std::string bytes = vocabulary[*event.token_id];
    out.text += event.keep_bytes < 0 ? bytes : bytes.substr(0, event.keep_bytes);
    out.ids.push_back(*event.token_id);
  };
  for (int32_t id : ids) {
    const auto verdict = stopping.push({.token_id = id});
    ++num_pushed;
    for (const TokenEvent& event : verdict.released) receive(event);
    out.finish = verdict.finish;
    out.stop_string = verdict.stop_string;
    out.stop_token_id = verdict.stop_token_id;
    if (out.finish != FinishReason::kNone) return out;
    out.max_held = std::max(out.max_held, num_pushed - out.ids.size());
  }
  for (const TokenEvent& event : stopping.flush()) receive(event);
  return out;
}

TEST(Stopping, EosEndsAndIsNotEmitted) {
  const Output out = generate({}, {"a", "b", "<eos>"}, {0, 1, 2, 0}, {2});
  EXPECT_EQ(out.text, "ab");
  EXPECT_EQ(out.finish, FinishReason::kStop);
  EXPECT_EQ(out.stop_token_id, 2);
}

TEST(Stopping, NoEndIsSampledBeforeTheFewestTokens) {
  Stopping stopping({.min_new_tokens = 2, .stop_token_ids = {1, 99}}, std::vector<int32_t>{2}, 1000,
                    {});
  std::vector<float> logits(3, 1.0f);
  stopping.push({.token_id = 0});
  stopping.mask_early_ends(logits);
  EXPECT_EQ(logits, (std::vector<float>{1.0f, -INFINITY, -INFINITY}));
  stopping.push({.token_id = 0});
  logits.assign(3, 1.0f);
  stopping.mask_early_ends(logits);
  EXPECT_EQ(logits, std::vector<float>(3, 1.0f));
}

TEST(Stopping, IgnoreEosKeepsOtherStopIds) {
  const StopConditions conditions{.stop_token_ids = {1}, .ignore_eos = true};
  const Output out = generate(conditions, {"a", "b", "<eos>"}, {0, 2, 1}, {2});
  EXPECT_EQ(out.text, "a<eos>");
  EXPECT_EQ(out.stop_token_id, 1);
}

TEST(Stopping, LimitCountsTokensAndReleasesHeldOnes) {
  const StopConditions conditions{.stop_strings = {"aaaaaa"}};
  const Output out = generate(conditions, {"a"}, {0, 0, 0, 0, 0}, {}, 3);
  EXPECT_EQ(out.text, "aaa");
  EXPECT_EQ(out.finish, FinishReason::kLength);
}

TEST(Stopping, EosAtTheLimitIsAStop) {
  const Output out = generate({}, {"a", "<eos>"}, {0, 1}, {1}, 2);
  EXPECT_EQ(out.finish, FinishReason::kStop);
}

TEST(Stopping, StopStringOverTokensIsCutInsideAToken) {
  const std::vector<std::string> vocabulary = {"Hello wor", "ld EN", "D more"};
  StopConditions conditions{.stop_strings = {"END"}};
  Output out = generate(conditions, vocabulary, {0, 1, 2});
  EXPECT_EQ(out.text, "Hello world ");
  EXPECT_EQ(out.ids, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(out.stop_string, "END");
  conditions.include_stop_string = true;
  out = generate(conditions, vocabulary, {0, 1, 2});
  EXPECT_EQ(out.text, "Hello world END");
}

TEST(Stopping, HeldTokensComeWhenTheyCannotMatchAnyMore) {
  const StopConditions conditions{.stop_strings = {"<<>>"}};
  const Output out = generate(conditions, {"<", ">", "x"}, {0, 0, 2, 0, 1});
  EXPECT_EQ(out.text, "<<x<>");
  EXPECT_EQ(out.max_held, 2u);
  EXPECT_EQ(out.finish, FinishReason::kNone);
}

TEST(Stopping, TheFirstEndWinsAndThenTheLongest) {
  const std::vector<std::string> vocabulary = {"xxabcyy"};
  EXPECT_EQ(generate({.stop_strings = {"abcy", "bc", "c"}}, vocabulary, {0}).stop_string, "bc");
  EXPECT_EQ(generate({.stop_strings = {"abcy", "b"}}, vocabulary, {0}).text, "xxa");
}

// The cut text depends on the bytes only, never on the tokens that carry them.
TEST(Stopping, EqualsASearchInTheWholeTextForAnyTokens) {
  Random random(11);
  const std::vector<std::string> vocabulary = {"a", "b", "ab", "ba", "aab", "bbab", "", "abaabba"};
  int num_stopped = 0;
  for (int round = 0; round < 4000; ++round) {
    StopConditions conditions{.include_stop_string = random.below(2) == 0};
    for (uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
      std::string stop;
      for (uint64_t j = 0, m = 1 + random.below(7); j < m; ++j) stop += "ab"[random.below(2)];
      conditions.stop_strings.push_back(stop);
    }
    std::vector<int32_t> ids;
    std::string text;
    for (int i = 0; i < 12; ++i) {
      ids.push_back(static_cast<int32_t>(random.below(vocabulary.size())));
      text += vocabulary[ids.back()];
    }
    size_t begin = std::string::npos, end = std::string::npos;
    for (size_t i = 1; i <= text.size() && end == std::string::npos; ++i) {
      for (const std::string& stop : conditions.stop_strings) {
        if (text.substr(0, i).ends_with(stop) && (end != i || i - stop.size() < begin)) {
          end = i;
          begin = i - stop.size();
        }
      }
    }
    const Output out = generate(conditions, vocabulary, ids);
    const std::string expected = text.substr(0, conditions.include_stop_string ? end : begin);
    ASSERT_EQ(out.text, expected) << text << " stop " << conditions.stop_strings[0];
    ASSERT_EQ(out.finish == FinishReason::kStop, end != std::string::npos);
    num_stopped += out.finish == FinishReason::kStop;
  }
  EXPECT_GT(num_stopped, 1000);
  EXPECT_LT(num_stopped, 3999);
}

}  // namespace
}  // namespace glmv::runtime
