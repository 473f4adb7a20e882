#pragma once
// The pre_tokenizer of a tokenizer.json: cuts a stretch of text into the pieces that are merged
// each on its own. Immutable, thread-safe.

#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/text/glm_split.h"
#include "glmv/text/regex_split.h"

namespace glmv::text {

// What happens to the matches of a pattern.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

class PreTokenizer {
 public:
  // null (one piece: the whole stretch), Split, Digits, ByteLevel, or a Sequence of these.
  // unsupported for any other type.
  static Result<PreTokenizer> from_json(const Json& json);

  // The pieces of a result point into the text they were cut from, or into `storage`.
  struct Pieces {
    std::vector<std::string_view> pieces;
    std::deque<std::string> storage;
  };
  // `text` is valid UTF-8 and stays alive as long as the pieces.
  Result<void> split(std::string_view text, Pieces& out) const;

  // True when pieces are to be seen as bytes (a ByteLevel step is there), not as characters.
  bool is_byte_level() const { return is_byte_level_; }

 private:
  struct RegexStep {
    RegexSplit regex;
    SplitBehavior behavior;
    bool invert;
  };
  struct DigitsStep {
    bool individual;
  };
  struct PrefixSpaceStep {};
  using Step = std::variant<GlmSplit, RegexStep, DigitsStep, PrefixSpaceStep>;

  Result<void> add(const Json& json, int depth);
  Result<void> add_split(const Json& json);
  Result<void> add_byte_level(const Json& json);

  std::vector<Step> steps_;
  bool is_byte_level_ = false;
};

}  // namespace glmv::text
