#pragma once
// GPT-2's alphabet: every byte as one printable character, so that byte strings can be JSON text.
// Bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for themselves; the other 68, in ascending order,
// are U+0100, U+0101, ...

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace glmv::text {

// The character of each byte.
const std::array<char32_t, 256>& byte_level_alphabet();

// All bytes in the order of their GPT-2 token ids: first those that stand for themselves.
const std::array<uint8_t, 256>& byte_level_order();

// Text in the alphabet -> bytes; nullopt when a character is not of the alphabet or the text is
// not UTF-8.
std::optional<std::string> byte_level_decode(std::string_view text);

// Bytes -> text in the alphabet.
std::string byte_level_encode(std::string_view bytes);

}  // namespace glmv::text
