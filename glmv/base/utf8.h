#pragma once
// UTF-8 checks and decoding.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace glmv {

// Byte offset of the first ill-formed sequence, or nullopt when `text` is valid UTF-8.
std::optional<size_t> find_invalid_utf8(std::string_view text);

struct DecodedChar {
  char32_t code_point;  // U+FFFD for an ill-formed sequence
  int num_bytes;        // bytes consumed; a maximal ill-formed subpart counts as one character
  bool valid;
  bool incomplete;  // ill-formed only because `text` ends: more bytes could complete it
};

// Decodes the character at `text[pos]`; pos < text.size().
DecodedChar decode_utf8(std::string_view text, size_t pos);

void append_utf8(std::string& out, char32_t code_point);

// Lossy repair: one U+FFFD per maximal ill-formed subpart (Unicode's recommended practice, what
// Python and Rust do).
std::string repair_utf8(std::string_view bytes);

// Of well-formed text.
size_t count_code_points(std::string_view text);

}  // namespace glmv
