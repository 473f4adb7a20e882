#pragma once
// Which added tokens the text of a message may hold.

#include <span>
#include <string_view>
#include <vector>

#include "glmv/text/byte_range.h"

namespace glmv::text {

enum class TokensInText {
  kNone,     // "<think>" is seven characters
  kMarkers,  // those inside a turn: thought, answer, box, tool call, code gaps, /nothink. Published
             // prompts write them, and the reference reads them as tokens
  kAll,      // as the reference: also those that begin turns and stand for pictures
};

// What is left of `ranges` (sorted, disjoint, in `text`) for EncodeOptions::untrusted, once the
// allowed tokens are taken out.
std::vector<ByteRange> untrusted_parts(std::string_view text, std::span<const ByteRange> ranges,
                                       TokensInText allowed);

}  // namespace glmv::text
