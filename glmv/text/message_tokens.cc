#include "glmv/text/message_tokens.h"

#include <algorithm>

namespace glmv::text {
namespace {

// By name, not by the flags of a tokenizer's file: a file must not be able to open turns to users.
constexpr std::string_view kMarkers[] = {
    "<think>",         "</think>",        "<answer>",     "</answer>",       "<|begin_of_box|>",
    "<|end_of_box|>",  "<tool_call>",     "</tool_call>", "<tool_response>", "</tool_response>",
    "<arg_key>",       "</arg_key>",      "<arg_value>",  "</arg_value>",    "<|code_prefix|>",
    "<|code_middle|>", "<|code_suffix|>", "/nothink",
};

// Of the marker at the start of `text`; 0: none.
size_t marker_length(std::string_view text) {
  const auto found = std::ranges::find_if(
      kMarkers, [&](std::string_view marker) { return text.starts_with(marker); });
  return found == std::end(kMarkers) ? 0 : found->size();
}

}  // namespace

std::vector<ByteRange> untrusted_parts(std::string_view text, std::span<const ByteRange> ranges,
                                       TokensInText allowed) {
  if (allowed == TokensInText::kAll) return {};
  if (allowed == TokensInText::kNone) return {ranges.begin(), ranges.end()};
  std::vector<ByteRange> parts;
  for (const ByteRange& range : ranges) {
    size_t begin = range.begin;
    for (size_t at = begin; at < range.end;) {
      at = std::min(text.find_first_of("</", at), range.end);
      const size_t length = marker_length(text.substr(at, range.end - at));
      if (length == 0) {
        ++at;
        continue;
      }
      if (at > begin) parts.push_back({begin, at});
      begin = at += length;
    }
    if (begin < range.end) parts.push_back({begin, range.end});
  }
  return parts;
}

}  // namespace glmv::text
