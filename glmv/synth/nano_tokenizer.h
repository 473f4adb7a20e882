#pragma once
// The tokenizer of the embedded model, learned from the questions and thoughts of this folder.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/text/bpe_trainer.h"

namespace glmv::synth {

// The texts it learns from. Words, labels and letters that pictures show are left out on purpose:
// they must be spelled from pieces that occur everywhere, or no unseen word could be read. Letters
// with a space before them (the spelling of thoughts) are in.
std::vector<std::string> nano_corpus(int num_samples = 4000);

// GLM's added tokens and <answer>, </answer>. "/nothink" is none of them: typed by a user or added
// by a template, it is the same plain text.
std::vector<text::AddedToken> nano_added_tokens();

Result<text::TrainedTokenizer> train_nano_tokenizer(int32_t vocab_size = 1024);

// tokenizer.json and tokenizer_config.json in `folder` (which must exist).
Result<void> write_nano_tokenizer(const std::filesystem::path& folder, int32_t vocab_size = 1024);

}  // namespace glmv::synth
