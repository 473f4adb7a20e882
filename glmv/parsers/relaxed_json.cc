#include "glmv/parsers/relaxed_json.h"

#include "glmv/base/utf8.h"
#include "glmv/parsers/coordinates.h"
#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr int kMaxDepth = 16;

class Reader {
 public:
  Reader(std::string_view text, size_t& pos) : text_(text), pos_(pos) {}

  std::optional<Json> value(int depth) {
    skip_blank();
    if (at_end() || depth > kMaxDepth) return std::nullopt;
    const char c = text_[pos_];
    if (c == '[') return array(depth);
    if (c == '{') return object(depth);
    if (c == '"' || c == '\'') {
      std::optional<std::string> text = string();
      if (!text) return std::nullopt;
      return Json(std::move(*text));
    }
    if (const std::optional<Json> known = word()) return known;
    if (const std::optional<double> number = parse_number(text_, pos_)) return Json(*number);
    return std::nullopt;
  }

 private:
  bool at_end() const { return pos_ >= text_.size(); }

  void skip_blank() {
    while (!at_end() && is_white_space(text_[pos_])) ++pos_;
  }

  bool take(char c) {
    skip_blank();
    if (at_end() || text_[pos_] != c) return false;
    ++pos_;
    return true;
  }

  std::optional<Json> word() {
    static constexpr std::string_view kWords[] = {"true", "True", "false", "False", "null", "None"};
    for (size_t i = 0; i < std::size(kWords); ++i) {
      if (!text_.substr(pos_).starts_with(kWords[i])) continue;
      pos_ += kWords[i].size();
      return i < 4 ? Json(i < 2) : Json(nullptr);
    }
    return std::nullopt;
  }

  std::optional<Json> array(int depth) {
    ++pos_;
    Json items = Json::array();
    while (!take(']')) {
      std::optional<Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
      if (take(',')) continue;
      if (take(']')) break;
      return std::nullopt;
    }
    return items;
  }

  std::optional<Json> object(int depth) {
    ++pos_;
    std::vector<std::pair<std::string, Json>> members;
    while (!take('}')) {
      skip_blank();
      if (at_end() || (text_[pos_] != '"' && text_[pos_] != '\'')) return std::nullopt;
      std::optional<std::string> key = string();
      if (!key || !take(':')) return std::nullopt;
      std::optional<Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      members.emplace_back(std::move(*key), std::move(*item));
      if (take(',')) continue;
      if (take('}')) break;
      return std::nullopt;
    }
    // Looking each key up in an ordered object is quadratic; more keys than this are no detection.
    if (members.size() > 1024) return std::nullopt;
    Json object = Json::object();
    for (auto& [key, item] : members) object[key] = std::move(item);
    return object;
  }

  std::optional<std::string> string() {
    const char quote = text_[pos_++];
    std::string out;
    while (!at_end()) {
      const char c = text_[pos_++];
      if (c == quote) return repair_utf8(out);
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_end()) return std::nullopt;
      const char escape = text_[pos_++];
      switch (escape) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'u':
          append_escape(out);
          break;
        default:
          out += escape;
          break;
      }
    }
    return std::nullopt;
  }

  std::optional<char32_t> hex4(size_t at) const {
    if (at + 4 > text_.size()) return std::nullopt;
    char32_t value = 0;
    for (size_t i = at; i < at + 4; ++i) {
      const size_t digit = std::string_view("0123456789abcdef0123456789ABCDEF").find(text_[i]);
      if (digit == std::string_view::npos) return std::nullopt;
      value = value * 16 + static_cast<char32_t>(digit % 16);
    }
    return value;
  }

  // \uXXXX, pairs of surrogates included; a lone surrogate becomes U+FFFD, a broken escape text.
  void append_escape(std::string& out) {
    const std::optional<char32_t> high = hex4(pos_);
    if (!high) {
      out += 'u';
      return;
    }
    pos_ += 4;
    if (*high < 0xD800 || *high > 0xDFFF) {
      append_utf8(out, *high);
      return;
    }
    if (*high < 0xDC00 && text_.substr(pos_).starts_with("\\u")) {
      const std::optional<char32_t> low = hex4(pos_ + 2);
      if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
        pos_ += 6;
        append_utf8(out, 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00));
        return;
      }
    }
    append_utf8(out, 0xFFFD);
  }

  std::string_view text_;
  size_t& pos_;
};

}  // namespace

std::optional<Json> parse_relaxed_json(std::string_view text, size_t& pos) {
  return Reader(text, pos).value(1);
}

}  // namespace glmv::parsers
