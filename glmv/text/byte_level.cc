#include "glmv/text/byte_level.h"

#include "glmv/base/utf8.h"

namespace glmv::text {
namespace {

constexpr int kNumReplaced = 68;
constexpr char32_t kFirstReplacement = 0x100;

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<char32_t, 256> chars;
  std::array<uint8_t, 256> order;
  std::array<uint8_t, kNumReplaced> replaced;  // byte of U+0100 + i

  constexpr Tables() : chars{}, order{}, replaced{} {
    int num_kept = 0;
    int num_replaced = 0;
    for (int byte = 0; byte < 256; ++byte) {
      if (stands_for_itself(byte)) {
        chars[byte] = byte;
        order[num_kept++] = static_cast<uint8_t>(byte);
      } else {
        chars[byte] = kFirstReplacement + num_replaced;
        replaced[num_replaced++] = static_cast<uint8_t>(byte);
      }
    }
    for (int i = 0; i < num_replaced; ++i) order[num_kept + i] = replaced[i];
  }
};

constexpr Tables kTables;

}  // namespace

const std::array<char32_t, 256>& byte_level_alphabet() { return kTables.chars; }

const std::array<uint8_t, 256>& byte_level_order() { return kTables.order; }

std::optional<std::string> byte_level_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = decode_utf8(text, pos);
    if (!c.valid) return std::nullopt;
    if (c.code_point < 256 && stands_for_itself(static_cast<int>(c.code_point))) {
      bytes += static_cast<char>(c.code_point);
    } else if (c.code_point >= kFirstReplacement &&
               c.code_point < kFirstReplacement + kNumReplaced) {
      bytes += static_cast<char>(kTables.replaced[c.code_point - kFirstReplacement]);
    } else {
      return std::nullopt;
    }
    pos += c.num_bytes;
  }
  return bytes;
}

std::string byte_level_encode(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, kTables.chars[static_cast<uint8_t>(byte)]);
  return text;
}

}  // namespace glmv::text
