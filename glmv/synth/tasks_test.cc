// Properties that hold for every sample: determinism, disjoint splits, gold that verifies, boxes
// that fit.

#include "glmv/synth/tasks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "glmv/synth/fonts.h"
#include "glmv/synth/verify.h"
#include "glmv/synth/words.h"

namespace glmv::synth {
namespace {

uint64_t hash_bytes(std::string_view bytes, uint64_t hash = 0xCBF29CE484222325ull) {
  for (unsigned char c : bytes) hash = (hash ^ c) * 0x100000001B3ull;
  return hash;
}

uint64_t picture_hash(const QaSample& sample) {
  return hash_bytes(
      {reinterpret_cast<const char*>(sample.image.data.data()), sample.image.data.size()});
}

template <class Visit>
void for_samples(Split split, int count, Visit visit) {
  for (const TaskInfo& info : task_table()) {
    for (int i = 0; i < count; ++i) {
      SCOPED_TRACE(std::string(info.name) + " " + std::to_string(i));
      visit(make_sample(split, info.task, i));
    }
  }
}

TEST(Fonts, AllInstalled) {
  const auto status = check_fonts();
  ASSERT_TRUE(status.has_value()) << status.error().message;
}

TEST(Tasks, NamesAreKnownAndUnknownOnesListThem) {
  for (const TaskInfo& info : task_table()) {
    EXPECT_EQ(task_by_name(info.name), info.task);
    EXPECT_EQ(task_name(info.task), info.name);
  }
  const auto missing = task_by_name("paint");
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message.find("attribute, count, position"), std::string::npos);
  const auto mixture = mixture_by_name("none");
  ASSERT_FALSE(mixture.has_value());
  EXPECT_NE(mixture.error().message.find("look, perceive, full"), std::string::npos);
}

TEST(Tasks, SamplesAreAFunctionOfSplitTaskAndIndex) {
  for (const TaskInfo& info : task_table()) {
    const QaSample first = make_sample(Split::kTrain, info.task, 7);
    const QaSample again = make_sample(Split::kTrain, info.task, 7);
    EXPECT_EQ(picture_hash(first), picture_hash(again));
    EXPECT_EQ(first.question + first.reply, again.question + again.reply);
    const QaSample other = make_sample(Split::kTrain, info.task, 8);
    EXPECT_NE(picture_hash(first), picture_hash(other));
    const QaSample test = make_sample(Split::kTest, info.task, 7);
    EXPECT_NE(picture_hash(first), picture_hash(test));
  }
}

TEST(Tasks, ThreadsMakeTheSameSamples) {
  constexpr int kThreads = 4;
  std::array<uint64_t, kThreads> hashes{};
  {
    std::vector<std::jthread> threads;
    for (uint64_t& hash : hashes) {
      threads.emplace_back([&hash] {
        for (int i = 0; i < 60; ++i) {
          hash = hash * 31 + picture_hash(make_training_sample(i, mixtures()[2]));
        }
      });
    }
  }
  for (uint64_t hash : hashes) EXPECT_EQ(hash, hashes[0]);
}

TEST(Tasks, NoTestPictureIsATrainingPicture) {
  std::set<uint64_t> seen;
  for_samples(Split::kTrain, 100, [&](const QaSample& s) { seen.insert(picture_hash(s)); });
  for (int i = 0; i < 500; ++i) {
    seen.insert(picture_hash(make_training_sample(i, mixtures()[2])));
  }
  EXPECT_GT(seen.size(), 1550u);
  for_samples(Split::kTest, 100,
              [&](const QaSample& s) { EXPECT_FALSE(seen.contains(picture_hash(s))); });
}

TEST(Tasks, GoldPassesAndWrongAnswersFail) {
  for (Split split : {Split::kTrain, Split::kTest}) {
    for_samples(split, 80, [&](const QaSample& s) {
      EXPECT_EQ(answer_of(s.reply), s.answer);
      EXPECT_TRUE(check(s, s.answer)) << s.answer;
      EXPECT_EQ(score(s, s.answer), 1);
      for (std::string_view wrong : {"", "nothing at all", "-1", "[[0,0,1,1]]", "[[", "99999"}) {
        EXPECT_FALSE(check(s, wrong)) << wrong << " passed for " << s.answer;
      }
      EXPECT_FALSE(check(s, "1" + s.answer));
    });
  }
}

TEST(Tasks, RepliesHaveTheForm) {
  int short_form = 0;
  int all = 0;
  for_samples(Split::kTrain, 100, [&](const QaSample& s) {
    EXPECT_EQ(s.reply, "<think>" + s.thought + "</think><answer><|begin_of_box|>" + s.answer +
                           "<|end_of_box|></answer>");
    EXPECT_EQ(s.question.ends_with("/nothink"), !s.think);
    EXPECT_EQ(s.thought.empty(), !s.think);
    EXPECT_LE(s.thought.size(), 260u);
    EXPECT_EQ(s.question.find('{'), std::string::npos);
    constexpr Task kAlwaysThink[] = {Task::kCount, Task::kSum, Task::kGround, Task::kLookup};
    EXPECT_TRUE(s.needs_thought ||
                std::ranges::find(kAlwaysThink, s.task) == std::end(kAlwaysThink));
    if (s.needs_thought) {
      EXPECT_TRUE(s.think);
      return;
    }
    short_form += !s.think;
    ++all;
  });
  EXPECT_NEAR(short_form / double(all), 0.25, 0.03);
}

TEST(Tasks, PicturesFitThePatchGridAndStaySmall) {
  double tokens = 0;
  int all = 0;
  for (int i = 0; i < 500; ++i) {
    const QaSample s = make_training_sample(i, mixtures()[2]);
    ASSERT_EQ(s.image.width % 28, 0);
    ASSERT_EQ(s.image.height % 28, 0);
    ASSERT_EQ(s.image.data.size(), size_t(s.image.width) * s.image.height * 3);
    tokens += s.image.width * s.image.height / 784.0;
    ++all;
  }
  EXPECT_LT(tokens / all, 20);
}

TEST(Tasks, HeldOutPairsNeverOccurInTraining) {
  const auto contains_held_out = [](const QaSample& s) {
    for (const ShapeItem& item : s.scene.shapes) {
      if (is_held_out(item.color, item.shape)) return true;
    }
    for (const ColoredShape& pair : kHeldOutPairs) {
      const std::string name = pair_name(pair.color, pair.shape);
      if ((s.question + s.reply).find(name) != std::string::npos) return true;
    }
    return false;
  };
  for_samples(Split::kTrain, 150, [&](const QaSample& s) { EXPECT_FALSE(contains_held_out(s)); });
  int in_test = 0;
  for_samples(Split::kTest, 60, [&](const QaSample& s) { in_test += contains_held_out(s); });
  EXPECT_GT(in_test, 100);
}

TEST(Tasks, FontsAndWordsOfTheSplits) {
  std::set<std::string> test_words_seen;
  int held_out_fonts = 0;
  int texts = 0;
  for_samples(Split::kTrain, 60, [&](const QaSample& s) {
    for (const TextItem& item : s.scene.texts) EXPECT_FALSE(fonts()[item.font].test_only);
  });
  for_samples(Split::kTest, 80, [&](const QaSample& s) {
    for (const TextItem& item : s.scene.texts) {
      ++texts;
      held_out_fonts += fonts()[item.font].test_only;
    }
  });
  EXPECT_NEAR(held_out_fonts / double(texts), 0.5, 0.1);
  const std::set<std::string_view> known(training_words().begin(), training_words().end());
  for (std::string_view word : test_words()) EXPECT_FALSE(known.contains(word)) << word;
}

// Blind guessing must stay poor: no single answer has a large share.
TEST(Tasks, NoAnswerDominates) {
  const std::map<Task, double> limits = {
      {Task::kAttribute, 0.15}, {Task::kCount, 0.25}, {Task::kPosition, 0.15},
      {Task::kRead, 0.1},       {Task::kWord, 0.05},  {Task::kSum, 0.1},
      {Task::kGround, 0.16},    {Task::kClick, 0.05}, {Task::kChart, 0.12}};
  for (const auto& [task, limit] : limits) {
    for (Split split : {Split::kTrain, Split::kTest}) {
      std::map<std::string, int> counts;
      constexpr int kSamples = 400;
      for (int i = 0; i < kSamples; ++i) ++counts[make_sample(split, task, i).answer];
      for (const auto& [answer, count] : counts) {
        EXPECT_LE(count / double(kSamples), limit) << task_name(task) << ": " << answer;
      }
    }
  }
}

TEST(Mixtures, SharesFollowTheWeights) {
  for (const Mixture& mixture : mixtures()) {
    ASSERT_EQ(mixture.task_weights.size(), task_table().size());
    std::vector<int> counts(task_table().size());
    constexpr int kSamples = 1000;
    double total = 0;
    for (double weight : mixture.task_weights) total += weight;
    for (int i = 0; i < kSamples; ++i) {
      ++counts[static_cast<int>(make_training_sample(i, mixture).task)];
    }
    for (size_t i = 0; i < counts.size(); ++i) {
      EXPECT_NEAR(counts[i] / double(kSamples), mixture.task_weights[i] / total, 0.05);
    }
  }
}

}  // namespace
}  // namespace glmv::synth
