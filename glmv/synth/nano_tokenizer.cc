#include "glmv/synth/nano_tokenizer.h"

#include "glmv/base/files.h"
#include "glmv/synth/dice.h"
#include "glmv/synth/tasks.h"
#include "glmv/synth/wordings.h"

namespace glmv::synth {
namespace {

constexpr Task kTasks[] = {Task::kAttribute, Task::kCount,  Task::kPosition, Task::kRead,
                           Task::kSum,       Task::kGround, Task::kList,     Task::kDetect};

// Forms whose questions name something written in the picture.
constexpr Form kLabelForms[] = {Form::kReadWord,    Form::kReadLine,      Form::kClickObject,
                                Form::kClickButton, Form::kClickCheckbox, Form::kClickClose,
                                Form::kBarValue,    Form::kBarColorValue, Form::kBarExtreme};

}  // namespace

std::vector<std::string> nano_corpus(int num_samples) {
  std::vector<std::string> texts;
  for (int i = 0; i < num_samples; ++i) {
    const QaSample sample = make_sample(Split::kTrain, kTasks[i % std::size(kTasks)], i);
    texts.push_back(sample.question);
    texts.push_back(sample.thought);
    texts.push_back(sample.answer);
  }
  Dice dice(1);
  static constexpr std::string_view kMosts[] = {"largest",  "highest", "tallest",
                                                "smallest", "lowest",  "shortest"};
  for (int i = 0; i < num_samples / 8; ++i) {
    for (Form form : kLabelForms) {
      texts.push_back(wording(dice, Split::kTrain, form,
                              {{"label", "1"},
                               {"a", "the red star"},
                               {"color", "blue"},
                               {"most", std::string(dice.pick(kMosts))}}));
    }
  }
  for (int i = 0; i < 20; ++i) {
    for (char c = 'a'; c <= 'z'; ++c) {
      texts.push_back({' ', c, ' ', static_cast<char>(c - 'a' + 'A')});
    }
  }
  return texts;
}

std::vector<text::AddedToken> nano_added_tokens() {
  std::vector<text::AddedToken> tokens;
  for (text::AddedToken& token : text::glm_added_tokens()) {
    if (token.content != "/nothink") tokens.push_back(std::move(token));
  }
  for (const char* content : {"<answer>", "</answer>"}) {
    text::AddedToken token;
    token.content = content;
    token.id = -1;
    tokens.push_back(token);
  }
  return tokens;
}

Result<text::TrainedTokenizer> train_nano_tokenizer(int32_t vocab_size) {
  text::BpeTrainerOptions options;
  options.vocab_size = vocab_size;
  options.added_tokens = nano_added_tokens();
  return text::BpeTrainer(std::move(options)).train(nano_corpus());
}

Result<void> write_nano_tokenizer(const std::filesystem::path& folder, int32_t vocab_size) {
  GLMV_ASSIGN(const text::TrainedTokenizer trained, train_nano_tokenizer(vocab_size));
  GLMV_RETURN_IF_ERROR(
      write_file_atomic(folder / "tokenizer_config.json", trained.config.dump(2) + "\n"));
  return write_file_atomic(folder / "tokenizer.json", trained.tokenizer.dump(1) + "\n");
}

}  // namespace glmv::synth
