#pragma once
// The short final answer a reply marks with box tokens or \boxed{} (as GLM-V's
// glmv_reward text utilities do).

#include <string>
#include <string_view>
#include <vector>

namespace glmv::parsers {

// Contents of every final-answer box of `text` (an answer with its box markers,
// ReasoningResult::marked_content). If there is any \boxed{...}: the contents of the top-level
// ones by brace counting, untrimmed, an unclosed one up to the end of the text. Else: what stands
// between each outermost pair of box tokens, trimmed, inner tokens kept. Linear time.
std::vector<std::string> extract_boxed(std::string_view text);

// `text` without box tokens; their contents stay.
std::string strip_box_markers(std::string_view text);

// `tail` says the same as `answer`: equal after folding white space and dropping box tokens.
bool is_restated(std::string_view answer, std::string_view tail);

}  // namespace glmv::parsers
