#include "glmv/terminal/key_decoder.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "glmv/base/utf8.h"

namespace glmv::terminal {
namespace {

constexpr std::string_view kPasteEnd = "\033[201~";
constexpr size_t kLongestCsi = 64, kLongestString = 4096;

// Newlines as \n, other controls left out, ill-formed bytes replaced.
std::string clean_paste(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r') {
      if (i + 1 >= text.size() || text[i + 1] != '\n') out += '\n';
    } else if (static_cast<unsigned char>(c) >= 0x20 ? c != 0x7F : c == '\n' || c == '\t') {
      out += c;
    }
  }
  return repair_utf8(out);
}

std::optional<Key> control_key(char c) {
  switch (c) {
    case '\r':
    case '\n':
      return Key::kEnter;
    case '\t':
      return Key::kTab;
    case 0x01:
      return Key::kHome;
    case 0x02:
      return Key::kLeft;
    case 0x03:
      return Key::kInterrupt;
    case 0x04:
      return Key::kEndOfFile;
    case 0x05:
      return Key::kEnd;
    case 0x06:
      return Key::kRight;
    case 0x07:
      return Key::kEditor;
    case 0x08:
    case 0x7F:
      return Key::kBackspace;
    case 0x0B:
      return Key::kDeleteToEnd;
    case 0x0C:
      return Key::kClearScreen;
    case 0x0E:
      return Key::kDown;
    case 0x10:
      return Key::kUp;
    case 0x12:
      return Key::kSearch;
    case 0x14:
      return Key::kTranspose;
    case 0x15:
      return Key::kDeleteToBegin;
    case 0x17:
      return Key::kDeleteWordBefore;
    case 0x19:
      return Key::kYank;
    case 0x1A:
      return Key::kSuspend;
    default:
      return {};
  }
}

// Keys with Escape (Alt) in front.
std::optional<Key> alt_key(char c) {
  switch (c) {
    case '\r':
    case '\n':
      return Key::kNewline;
    case 'b':
      return Key::kWordLeft;
    case 'f':
      return Key::kWordRight;
    case 'd':
      return Key::kDeleteWordAfter;
    case 0x08:
    case 0x7F:
      return Key::kDeleteWordBefore;
    default:
      return {};
  }
}

std::optional<Key> arrow_key(char final, bool by_word) {
  switch (final) {
    case 'A':
      return Key::kUp;
    case 'B':
      return Key::kDown;
    case 'C':
      return by_word ? Key::kWordRight : Key::kRight;
    case 'D':
      return by_word ? Key::kWordLeft : Key::kLeft;
    case 'H':
      return Key::kHome;
    case 'F':
      return Key::kEnd;
    default:
      return {};
  }
}

std::optional<Key> tilde_key(int number) {
  switch (number) {
    case 1:
    case 7:
      return Key::kHome;
    case 4:
    case 8:
      return Key::kEnd;
    case 3:
      return Key::kDelete;
    default:
      return {};
  }
}

struct CsiNumbers {
  int value[3] = {0, 0, 0};
};

CsiNumbers csi_numbers(std::string_view text) {
  CsiNumbers numbers;
  for (int i = 0; i < 3 && !text.empty(); ++i) {
    const size_t semicolon = std::min(text.find(';'), text.size());
    std::from_chars(text.data(), text.data() + semicolon, numbers.value[i]);
    text.remove_prefix(std::min(semicolon + 1, text.size()));
  }
  return numbers;
}

}  // namespace

void KeyDecoder::add(Key key, std::string text) { events_.push_back({key, std::move(text)}); }

void KeyDecoder::add_text(std::string_view text) {
  if (events_.empty() || events_.back().key != Key::kText) add(Key::kText);
  events_.back().text += text;
}

// Bytes of the CSI sequence at the start; 0: the rest is missing.
size_t KeyDecoder::take_csi(std::string_view bytes) {
  size_t end = 2;
  while (end < bytes.size() && !(bytes[end] >= 0x40 && bytes[end] <= 0x7E)) {
    // A control character or too much: this was no sequence.
    if (static_cast<unsigned char>(bytes[end]) < 0x20 || end >= kLongestCsi) return end;
    ++end;
  }
  if (end >= bytes.size()) return 0;
  const char final = bytes[end++];
  const std::string_view inside = bytes.substr(2, end - 3);
  if (inside.starts_with('?') || inside.starts_with('>')) {
    add(Key::kReport, std::string(bytes.substr(0, end)));
    return end;
  }
  const CsiNumbers n = csi_numbers(inside);
  const bool is_enter_code =
      (final == 'u' && n.value[0] == 13) || (final == '~' && n.value[0] == 27 && n.value[2] == 13);
  if (is_enter_code) {
    add(n.value[1] > 1 ? Key::kNewline : Key::kEnter);
  } else if (final == '~' && n.value[0] == 200) {
    in_paste_ = true;
  } else if (const auto key =
                 final == '~' ? tilde_key(n.value[0]) : arrow_key(final, n.value[1] > 2)) {
    add(*key);
  }
  return end;
}

size_t KeyDecoder::take_escape(std::string_view bytes) {
  if (bytes.size() < 2) return 0;
  switch (bytes[1]) {
    case '[':
      return take_csi(bytes);
    case 'O': {
      if (bytes.size() < 3) return 0;
      if (const auto key = arrow_key(bytes[2], false)) add(*key);
      return 3;
    }
    case '_':
    case ']':
    case 'P': {
      // A string that ends with ESC \ or BEL.
      const size_t st = bytes.find("\033\\", 2);
      const size_t bell = bytes.find('\a', 2);
      if (st == bytes.npos && bell == bytes.npos) return bytes.size() > kLongestString ? 2 : 0;
      const size_t end =
          std::min(st == bytes.npos ? st : st + 2, bell == bytes.npos ? bell : bell + 1);
      add(Key::kReport, std::string(bytes.substr(0, end)));
      return end;
    }
    case '\033':
      return 1;
    default:
      if (const auto key = alt_key(bytes[1])) {
        add(*key);
        return 2;
      }
      add(Key::kEscape);
      return 1;
  }
}

size_t KeyDecoder::take_paste(std::string_view bytes) {
  const size_t end = bytes.find(kPasteEnd);
  if (end == bytes.npos) {
    // The end marker may have come in part.
    size_t kept = std::min(kPasteEnd.size() - 1, bytes.size());
    while (!kPasteEnd.starts_with(bytes.substr(bytes.size() - kept))) --kept;
    paste_ += bytes.substr(0, bytes.size() - kept);
    return bytes.size() - kept;
  }
  paste_ += bytes.substr(0, end);
  in_paste_ = false;
  add(Key::kPaste, clean_paste(std::exchange(paste_, {})));
  return end + kPasteEnd.size();
}

// Bytes that were understood at the start of `bytes`; 0: more are needed.
size_t KeyDecoder::take(std::string_view bytes) {
  if (in_paste_) return take_paste(bytes);
  const auto byte = static_cast<unsigned char>(bytes[0]);
  if (byte == 0x1B) return take_escape(bytes);
  if (byte < 0x20 || byte == 0x7F) {
    if (const auto key = control_key(bytes[0])) add(*key);
    return 1;
  }
  const DecodedChar c = decode_utf8(bytes, 0);
  if (c.incomplete) return 0;
  if (c.valid && !(c.code_point >= 0x80 && c.code_point < 0xA0)) {
    add_text(bytes.substr(0, c.num_bytes));
  }
  return c.num_bytes;
}

void KeyDecoder::feed(std::string_view bytes) {
  std::string joined;
  if (!pending_.empty()) {
    joined = std::exchange(pending_, {}) + std::string(bytes);
    bytes = joined;
  }
  while (!bytes.empty()) {
    const size_t used = take(bytes);
    if (used == 0) break;
    bytes.remove_prefix(used);
  }
  pending_ = bytes;
}

void KeyDecoder::flush() {
  if (in_paste_) {
    in_paste_ = false;
    paste_ += std::exchange(pending_, {});
    return add(Key::kPaste, clean_paste(std::exchange(paste_, {})));
  }
  if (pending_.starts_with('\033')) add(Key::kEscape);
  pending_.clear();
}

std::optional<KeyEvent> KeyDecoder::next() {
  if (events_.empty()) return {};
  KeyEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace glmv::terminal
