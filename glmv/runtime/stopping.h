#pragma once
// Decides when an output ends (EOS, stop ids, stop strings, limits) and holds tokens back while
// their text may still turn out to be a stop string.

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "glmv/runtime/request.h"

namespace glmv::runtime {

// Finds the first end of any stop string in a growing text, byte by byte, so that the result does
// not depend on how the text is cut into tokens. Offsets count from the start of the text.
class StopStringMatcher {
 public:
  explicit StopStringMatcher(const std::vector<std::string>& stop_strings);

  struct Match {
    int64_t begin;
    int64_t end;
    size_t index;  // of the stop string; the longest of those that end here
  };
  // After a match the matcher must not be used any more.
  std::optional<Match> push(std::string_view bytes);

  // No later match can begin before this offset.
  int64_t num_released() const;

 private:
  struct Pattern {
    std::string text;
    std::vector<size_t> failure;  // Knuth-Morris-Pratt: longest border of each prefix
    size_t matched = 0;
  };
  std::vector<Pattern> patterns_;
  int64_t num_bytes_ = 0;
};

class Stopping {
 public:
  // `max_tokens`: resolved limit (max_new_tokens and context). `token_bytes` may be empty when
  // there are no stop strings.
  Stopping(const StopConditions& conditions, std::span<const int32_t> eos_ids, int64_t max_tokens,
           std::function<std::string(int32_t)> token_bytes);

  struct Verdict {
    std::vector<TokenEvent> released;  // may be emitted now, in order
    FinishReason finish = FinishReason::kNone;
    int32_t stop_token_id = -1;
    std::string stop_string;
  };
  // The ids that would end an output which is too short yet get -inf.
  void mask_early_ends(std::span<float> logits) const;
  // The next token of the output (event with token_id set).
  Verdict push(TokenEvent event);
  // Everything still held, when the output ends for another reason.
  std::vector<TokenEvent> flush();

  int64_t num_tokens() const { return num_tokens_; }
  int64_t max_tokens() const { return max_tokens_; }

 private:
  struct Held {
    TokenEvent event;
    int64_t begin;  // offsets of its text
    int64_t end;
  };
  void release_until(int64_t offset, std::vector<TokenEvent>& out);
  void cut_at(int64_t offset, std::vector<TokenEvent>& out);

  std::unordered_set<int32_t> stop_ids_;
  std::vector<std::string> stop_strings_;
  bool include_stop_string_;
  int64_t min_tokens_;
  int64_t max_tokens_;
  std::function<std::string(int32_t)> token_bytes_;
  StopStringMatcher matcher_;
  std::deque<Held> held_;
  int64_t num_tokens_ = 0;
  int64_t num_bytes_ = 0;
};

}  // namespace glmv::runtime
