#include "glmv/media/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace glmv::media {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kInvalid = 255;
constexpr uint8_t kSpace = 254;
constexpr uint8_t kPadding = 253;

constexpr std::array<uint8_t, 256> make_table() {
  std::array<uint8_t, 256> table{};
  for (auto& entry : table) entry = kInvalid;
  for (uint8_t i = 0; i < 64; ++i) table[static_cast<uint8_t>(kAlphabet[i])] = i;
  table['-'] = 62;
  table['_'] = 63;
  for (char c : {' ', '\t', '\r', '\n'}) table[static_cast<uint8_t>(c)] = kSpace;
  table['='] = kPadding;
  return table;
}
constexpr std::array<uint8_t, 256> kValues = make_table();

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int num_bits = 0;
  size_t num_digits = 0;
  size_t num_padding = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t value = kValues[static_cast<uint8_t>(text[i])];
    if (value == kSpace) continue;
    if (value == kPadding) {
      ++num_padding;
      continue;
    }
    if (value == kInvalid || num_padding > 0) {
      return invalid_argument("bad base64: unexpected character at position {}", i);
    }
    bits = bits << 6 | value;
    num_bits += 6;
    ++num_digits;
    if (num_bits >= 8) {
      num_bits -= 8;
      out.push_back(static_cast<char>(bits >> num_bits & 0xff));
    }
  }
  if (num_digits % 4 == 1 || num_padding > 2 ||
      (num_padding > 0 && (num_digits + num_padding) % 4 != 0)) {
    return invalid_argument("bad base64: the text is cut off after {} digits", num_digits);
  }
  return out;
}

Result<std::string> decode_strict_base64(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (kValues[static_cast<uint8_t>(text[i])] == kSpace || text[i] == '-' || text[i] == '_') {
      return invalid_argument("bad base64: unexpected character at position {}", i);
    }
  }
  if (text.size() % 4 != 0) {
    return invalid_argument("bad base64: {} characters are no multiple of 4; is it cut off?",
                            text.size());
  }
  return decode_base64(text);
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0);
    }
    const size_t num_digits = std::min<size_t>(bytes.size() - i, 3) + 1;
    for (size_t k = 0; k < 4; ++k) {
      out.push_back(k < num_digits ? kAlphabet[group >> (18 - 6 * k) & 63] : '=');
    }
  }
  return out;
}

}  // namespace glmv::media
