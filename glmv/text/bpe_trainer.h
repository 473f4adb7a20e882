#pragma once
// Learns a small byte-level BPE tokenizer from texts and writes it in the Hugging Face layout.
// Deterministic. Ids: the 256 bytes in GPT-2's order are 0..255, then one id per merge in order of
// rank, then the added tokens.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/text/added_tokens.h"

namespace glmv::text {

struct BpeTrainerOptions {
  // Tokens in all: 256 bytes + merges + added tokens.
  int32_t vocab_size = 1024;
  // Split pattern; by default the GLM pattern with numbers cut into single digits.
  std::string split_pattern;
  // id -1: the next free one. An id that is not the next one is refused: the reference gives
  // added tokens consecutive ids whatever the file says.
  std::vector<AddedToken> added_tokens;
  std::string eos_token = "<|endoftext|>";
  std::string pad_token = "<|endoftext|>";
  int64_t model_max_length = 32768;  // tokens
  int64_t min_pair_count = 2;        // rarer pairs are not merged
};

struct TrainedTokenizer {
  Json tokenizer;  // content of tokenizer.json
  Json config;     // content of tokenizer_config.json
  int32_t num_merges = 0;
  int32_t vocab_size = 0;  // less than asked for when the texts have too few pairs
};

// The 36 added tokens of the GLM-4.5V family in their order; ids -1.
std::vector<AddedToken> glm_added_tokens();

class BpeTrainer {
 public:
  explicit BpeTrainer(BpeTrainerOptions options) : options_(std::move(options)) {}

  // Added tokens inside the texts are taken out before pairs are counted. invalid_argument for
  // text that is not UTF-8 and options that contradict each other.
  Result<TrainedTokenizer> train(std::span<const std::string> texts) const;

 private:
  BpeTrainerOptions options_;
};

}  // namespace glmv::text
