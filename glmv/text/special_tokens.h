#pragma once
// Ids of the tokens the program gives meaning to, found by name in the tokenizer (ids in configs
// differ between checkpoints and are sometimes wrong). A token the tokenizer lacks is nullopt.

#include <cstdint>
#include <optional>
#include <vector>

#include "glmv/text/tokenizer.h"

namespace glmv::text {

struct SpecialTokens {
  using Id = std::optional<int32_t>;

  Id end_of_text;      // <|endoftext|>, also the padding
  Id gmask;            // [gMASK]
  Id sop;              // <sop>
  Id system;           // <|system|>
  Id user;             // <|user|>: ends an assistant turn
  Id assistant;        // <|assistant|>
  Id observation;      // <|observation|>: ends a turn with tool calls
  Id image_start;      // <|begin_of_image|>
  Id image_end;        // <|end_of_image|>
  Id video_start;      // <|begin_of_video|>
  Id video_end;        // <|end_of_video|>
  Id image;            // <|image|>: one per merged patch
  Id video;            // <|video|>
  Id think_start;      // <think>
  Id think_end;        // </think>
  Id answer_start;     // <answer>, GLM-4.1V-Thinking only
  Id answer_end;       // </answer>: ends its turns
  Id box_start;        // <|begin_of_box|>
  Id box_end;          // <|end_of_box|>
  Id tool_call_start;  // <tool_call>
  Id tool_call_end;    // </tool_call>
  Id nothink;          // /nothink
  Id eos;              // eos_token of tokenizer_config.json, else <|endoftext|>
  Id pad;              // pad_token of tokenizer_config.json, else <|endoftext|>

  static SpecialTokens resolve(const Tokenizer& tokenizer);

  // Tokens that end a turn, for checkpoints whose configs name none: end of text, user,
  // observation and, where there is one, </answer>.
  std::vector<int32_t> turn_ends() const;
};

}  // namespace glmv::text
