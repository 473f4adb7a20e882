#pragma once
// The structural tags of a GLM-V reply and how each is recognised: by token id where the tokenizer
// has one (the same characters spelled out in ordinary tokens stay text), else by its text.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::parsers {

enum class TagKind {
  kThinkOpen,    // <think>
  kThinkClose,   // </think>
  kAnswerOpen,   // <answer>, GLM-4.1V
  kAnswerClose,  // </answer>
  kBoxBegin,     // <|begin_of_box|>
  kBoxEnd,       // <|end_of_box|>
  kToolCall,     // <tool_call>: ends a thought
  kToolCallClose,
  kArgKey,  // <arg_key>; this and the next only inside a call
  kArgKeyClose,
  kArgValue,
  kArgValueClose,
  kRole,     // <|user|>, <|assistant|>, ...: the start of a turn; never shown
  kWrapper,  // other control tokens, never shown
};

struct OutputTag {
  TagKind kind;
  std::string text;
  int32_t id = -1;  // -1: recognised by text
};

inline constexpr std::string_view kBoxBeginText = "<|begin_of_box|>";
inline constexpr std::string_view kBoxEndText = "<|end_of_box|>";

class OutputTags {
 public:
  // Every tag by text, for replies that come without token ids.
  static OutputTags text_only();
  // Box markers only, by text: for answers out of which another parser took the rest.
  static OutputTags boxes_only();
  // By the tokenizer's ids; `lookup` gives the id of an added token by name. A tokenizer with
  // think tokens but without <answer> is of a family that has no answer wrapper: there <answer> is
  // plain text. Think and box tags without an id are recognised by text.
  static OutputTags from_tokenizer(
      const std::function<std::optional<int32_t>(std::string_view)>& lookup);

  const OutputTag* find_id(int32_t id) const;
  // Tag recognised by text that starts `text`.
  const OutputTag* find_text(std::string_view text) const;
  // `text` is a proper, non-empty prefix of a tag recognised by text.
  bool is_partial(std::string_view text) const;
  // Has <answer>, by id or by text.
  bool has_answer() const;
  // Id of the (first) tag of a kind, -1 when it has none.
  int32_t id_of(TagKind kind) const;
  const std::vector<OutputTag>& all() const { return tags_; }

 private:
  std::vector<OutputTag> tags_;
};

// Where the output of a rendered prompt starts.
enum class StartState {
  kStart,      // nothing known: a <think> may come
  kReasoning,  // the prompt ends inside an open <think>
  kContent,    // the prompt ends behind a closed think pair
};

// From the last think tag behind the last role token of the prompt.
StartState start_state(std::span<const int32_t> prompt_ids, const OutputTags& tags);
// The same on rendered text, for tokenizers that spell the tags out.
StartState start_state(std::string_view prompt, const OutputTags& tags);

}  // namespace glmv::parsers
