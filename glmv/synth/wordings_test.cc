#include "glmv/synth/wordings.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "glmv/base/files.h"
#include "glmv/synth/tasks.h"

namespace glmv::synth {
namespace {

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (char c : std::string(text) + " ") {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c >= 'a' && c <= 'z') {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, ""));
    }
  }
  return words;
}

TEST(Wordings, EveryFormHasFiveForTrainingAndTwoForTestingOnly) {
  std::map<Form, std::map<Use, int>> counts;
  std::set<std::pair<Form, std::string_view>> seen;
  for (const Wording& row : wordings()) {
    ++counts[row.form][row.use];
    EXPECT_TRUE(seen.insert({row.form, row.text}).second) << row.text;
  }
  EXPECT_EQ(counts.size(), static_cast<size_t>(Form::kSorted) + 1);
  for (auto& [form, uses] : counts) {
    EXPECT_GE(uses[Use::kTrain] + uses[Use::kBoth], 5) << static_cast<int>(form);
    EXPECT_GE(uses[Use::kBoth], 2) << static_cast<int>(form);
    EXPECT_GE(uses[Use::kTest], 2) << static_cast<int>(form);
  }
}

TEST(Wordings, TestOnlyOnesUseWordsThatTrainingKnows) {
  std::set<std::string> known;
  for (const Wording& row : wordings()) {
    if (row.use != Use::kTest) known.merge(words_of(row.text));
  }
  for (const Wording& row : wordings()) {
    for (const std::string& word : words_of(row.text)) {
      EXPECT_TRUE(known.contains(word)) << word << " in " << row.text;
    }
  }
}

TEST(Wordings, PlaceholdersAndAlternatives) {
  std::set<std::string> seen;
  Dice dice(1);
  for (int i = 0; i < 400; ++i) {
    seen.insert(wording(dice, Split::kTrain, Form::kColorOf, {{"shape", "ring"}}));
  }
  EXPECT_TRUE(seen.contains("What colour is the ring?"));
  EXPECT_TRUE(seen.contains("What color is the ring?"));
  EXPECT_FALSE(seen.contains("What color does the ring have?"));  // test-only
  seen.clear();
  for (int i = 0; i < 400; ++i) {
    seen.insert(wording(dice, Split::kTest, Form::kColorOf, {{"shape", "ring"}}));
  }
  EXPECT_TRUE(seen.contains("What color does the ring have?"));
  EXPECT_TRUE(seen.contains("What color is the ring?"));
  EXPECT_FALSE(seen.contains("Name the color of the ring."));  // training-only
}

// The list for users is complete, whichever of the two files holds it.
TEST(Wordings, AreDocumented) {
  std::string documents;
  for (const char* name : {"/models/nano/QUESTIONS.md", "/models/nano/README.md"}) {
    documents += read_file(GLMV_SOURCE_DIR + std::string(name)).value_or("");
  }
  for (const Wording& row : wordings()) {
    const std::string line = "- " + std::string(row.text) + (row.use == Use::kTest ? " (T)" : "");
    EXPECT_NE(documents.find(line + "\n"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace glmv::synth
