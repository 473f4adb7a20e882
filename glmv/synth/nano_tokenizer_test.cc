#include "glmv/synth/nano_tokenizer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "glmv/synth/cell_words.h"
#include "glmv/synth/tasks.h"
#include "glmv/text/tokenizer.h"

namespace glmv::synth {
namespace {

class NanoTokenizer : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::temp_directory_path() /
              ("glmv_nano_tokenizer_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    const auto written = write_nano_tokenizer(folder_);
    ASSERT_TRUE(written.has_value()) << written.error().message;
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static inline std::filesystem::path folder_;
};

TEST_F(NanoTokenizer, IsCompactAndLossless) {
  const auto loaded = text::Tokenizer::load(folder_);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const text::Tokenizer& tokenizer = *loaded;
  EXPECT_GE(tokenizer.vocab_size(), 600);
  EXPECT_LE(tokenizer.vocab_size(), 1024);
  for (const char* name : {"<|endoftext|>", "<|user|>", "<|assistant|>", "<|image|>", "<think>",
                           "</think>", "<answer>", "</answer>", "<|begin_of_box|>",
                           "<|end_of_box|>", "<|begin_of_image|>", "[gMASK]", "<sop>"}) {
    EXPECT_TRUE(tokenizer.token_id(name).has_value()) << name;
  }
  size_t longest = 0;
  double total = 0;
  int count = 0;
  for (const TaskInfo& info : task_table()) {
    for (Split split : {Split::kTrain, Split::kTest}) {
      for (int i = 0; i < 60; ++i) {
        const QaSample s = make_sample(split, info.task, i);
        const std::string text = s.question + s.reply;
        const auto ids = tokenizer.encode(text);
        ASSERT_TRUE(ids.has_value());
        EXPECT_EQ(tokenizer.decode(*ids), text);
        longest = std::max(longest, ids->size());
        total += static_cast<double>(ids->size());
        ++count;
      }
    }
  }
  EXPECT_LE(longest, 200u);
  EXPECT_LE(total / count, 70);
}

TEST_F(NanoTokenizer, DigitsAreSingleAndNamesAreWhole) {
  const auto tokenizer = text::Tokenizer::load(folder_);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("407")->size(), 3u);
  for (int c = 0; c < kNumColors; ++c) {
    EXPECT_EQ(tokenizer->encode(" " + std::string(color_name(Color(c))))->size(), 1u);
    EXPECT_EQ(tokenizer->encode(std::string(color_name(Color(c))))->size(), 1u);
  }
  for (int s = 0; s < kNumShapes; ++s) {
    EXPECT_EQ(tokenizer->encode(" " + std::string(shape_name(Shape(s))))->size(), 1u);
  }
  // Capitals are spelled letter by letter.
  EXPECT_EQ(tokenizer->encode("ZEBRA")->size(), 5u);
  EXPECT_EQ(tokenizer->encode("Z E B")->size(), 3u);
}

TEST_F(NanoTokenizer, EveryWordOfACellIsOneToken) {
  const auto tokenizer = text::Tokenizer::load(folder_);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  std::set<std::string> words;
  for (const TaskInfo& info : task_table()) {
    for (int i = 0; i < 100; ++i) {
      for (const auto& cell : cell_words(make_sample(Split::kTrain, info.task, i).scene)) {
        words.insert(cell.begin(), cell.end());
      }
    }
  }
  EXPECT_GE(words.size(), 100u);
  for (const std::string& word : words) EXPECT_EQ(tokenizer->encode(word)->size(), 1u) << word;
}

TEST(NanoCorpus, IsDeterministic) { EXPECT_EQ(nano_corpus(64), nano_corpus(64)); }

}  // namespace
}  // namespace glmv::synth
