#pragma once
// Sample -> token ids, pictures and targets. The conversation is rendered by the checkpoint's own
// chat template and tokenised by its processor, so training sees exactly what inference sees.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/processing/processor.h"
#include "glmv/train/sample_source.h"
#include "glmv/train/train_options.h"

namespace glmv::train {

constexpr int32_t kIgnore = -100;

struct EncodedSample {
  processing::ModelInput input;
  // targets[i]: the token to predict from position i, or kIgnore. Already shifted: what the
  // reference calls labels[i + 1].
  std::vector<int32_t> targets;
  // Objective visual-words: tokens that visual token `row` shows. `targets` is all kIgnore then.
  struct VisualTarget {
    int32_t row;
    int32_t token;
  };
  std::vector<VisualTarget> visual_targets;
  // Sum of cross-entropies that the best model has: with n words at one place, n log n.
  double least_loss = 0;
  int64_t num_trained = 0;  // trained targets of either kind; at least 1 of replies
};

// Immutable, thread-safe.
class Collator {
 public:
  // `processor` must outlive the collator. unsupported when the template or tokenizer has no
  // <|assistant|> turns as GLM's have.
  static Result<Collator> create(const processing::Processor& processor,
                                 const EncodeOptions& options);

  // Trained are, per assistant turn, the tokens behind the generation prompt and then the token
  // that ends the turn. Errors: media that cannot be read, more tokens than max_sample_tokens,
  // nothing to train.
  Result<EncodedSample> encode(Sample sample) const;

 private:
  struct Role {
    std::string text;  // "<|user|>"
    int32_t id = -1;
  };
  // A role token that the template wrote.
  struct Turn {
    size_t role;   // in roles_
    size_t begin;  // byte of the role token in the rendered text
    size_t end;    // byte of the next role token, or the end of the text
  };

  Collator(const processing::Processor& processor, const EncodeOptions& options)
      : processor_(&processor), options_(options) {}
  Result<std::vector<int32_t>> generation_prompt(std::optional<bool> enable_thinking) const;
  std::vector<Turn> find_turns(const text::Rendered& rendered) const;
  std::vector<text::ByteRange> untrusted_ranges(const text::Rendered& rendered,
                                                const std::vector<Turn>& turns) const;
  Result<void> set_targets(const std::vector<Turn>& turns, size_t prompt_kind,
                           EncodedSample& sample) const;

  Result<void> set_visual_targets(const std::vector<std::vector<std::string>>& words,
                                  EncodedSample& sample) const;

  const processing::Processor* processor_;
  EncodeOptions options_;
  std::vector<Role> roles_;
  size_t assistant_ = 0, user_ = 0, observation_ = 0;  // in roles_
  int32_t turn_end_id_ = -1;
  // Tokens of the generation prompt behind <|assistant|>, for enable_thinking unset, false, true.
  std::array<std::vector<int32_t>, 3> prompts_;
};

// Removes <think>...</think> and the white space behind it; text without a thought stays.
std::string strip_thought(std::string_view text);

}  // namespace glmv::train
