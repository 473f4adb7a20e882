#include "glmv/parsers/html_compat.h"

#include <algorithm>
#include <utility>

#include "glmv/parsers/html_tags.h"
#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr int kBufferedPieces = 5;
constexpr size_t kThreshold = 50;  // characters
constexpr std::string_view kStarts[] = {"html",    "head", "body",   "div",    "section",
                                        "article", "main", "header", "footer", "nav"};
constexpr std::string_view kFeatures[] = {"<!doctype", "<html", "<head", "<body", "<div",
                                          "class=",    "id=",   "href=", "src="};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

size_t count(std::string_view text, std::string_view piece) {
  size_t n = 0;
  for (size_t at = text.find(piece); at != text.npos; at = text.find(piece, at + piece.size())) ++n;
  return n;
}

size_t num_characters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

// <!DOCTYPE, white space, html. `text` in lower case.
bool is_doctype(std::string_view text) {
  if (!text.starts_with("<!doctype")) return false;
  text.remove_prefix(9);
  const size_t spaces = skip_white_space(text);
  return spaces > 0 && text.substr(spaces).starts_with("html");
}

// A page, or one of its large parts, is what `text` (in lower case) begins with.
bool starts_a_page(std::string_view text) {
  if (is_doctype(text)) return true;
  if (!text.starts_with('<')) return false;
  return std::ranges::any_of(kStarts, [&](std::string_view name) {
    if (!text.substr(1).starts_with(name)) return false;
    const std::string_view rest = text.substr(1 + name.size());
    return !rest.empty() && (is_white_space(rest[0]) || rest[0] == '>');
  });
}

// Behind the first "<", a letter, ... ">"; npos: there is none.
size_t tag_end(std::string_view text) {
  for (size_t at = text.find('<'); at != text.npos; at = text.find('<', at + 1)) {
    if (at + 1 >= text.size() || !is_ascii_letter(text[at + 1])) continue;
    const size_t end = text.find('>', at);
    return end == text.npos ? end : end + 1;
  }
  return text.npos;
}

bool has_closing_tag(std::string_view text) {
  for (size_t at = text.find("</"); at != text.npos; at = text.find("</", at + 2)) {
    size_t end = at + 2;
    while (end < text.size() && is_ascii_letter(text[end])) ++end;
    if (end > at + 2 && end < text.size() && text[end] == '>') return true;
  }
  return false;
}

// Written-out escapes, as the demo programs undo them: one kind after the other.
std::string unescape(std::string text) {
  constexpr std::pair<std::string_view, char> kEscapes[] = {
      {"\\n", '\n'}, {"\\\"", '"'}, {"\\'", '\''}};
  for (const auto& [written, meant] : kEscapes) {
    std::string out;
    size_t from = 0;
    for (size_t at = text.find(written); at != text.npos; at = text.find(written, from)) {
      out.append(text, from, at - from) += meant;
      from = at + written.size();
    }
    text = out.append(text, from);
  }
  return text;
}

}  // namespace

bool looks_like_html(std::string_view text, bool streaming) {
  if (text.find("```") != text.npos) return false;
  const std::string small = lower(text);
  if (starts_a_page(trim_white_space(small))) return true;
  const bool feature = std::ranges::any_of(
      kFeatures, [&](std::string_view word) { return small.find(word) != small.npos; });
  const size_t tag = tag_end(text);
  if (streaming) return feature || tag != text.npos;  // what has an element has a tag
  const bool element = tag != text.npos && has_closing_tag(text.substr(tag));
  return element && feature && (count(text, "\n") > 2 || count(text, "\\n") > 2);
}

size_t html_start(std::string_view text) {
  const std::string small = lower(text);
  for (size_t at = text.find('<'); at != text.npos; at = text.find('<', at + 1)) {
    const bool letter = at + 1 < text.size() && is_ascii_letter(text[at + 1]);
    if (letter || is_doctype(std::string_view(small).substr(at))) return at;
  }
  return 0;
}

HtmlCompat::Piece HtmlCompat::push(std::string_view piece) {
  buffer_ += piece;
  if (!detected_ && (num_pieces_ >= kBufferedPieces || num_characters(buffer_) > kThreshold)) {
    return {std::exchange(buffer_, {})};
  }
  ++num_pieces_;
  if (!detected_ && looks_like_html(buffer_, streaming_)) {
    detected_ = true;
    std::string text = std::exchange(buffer_, {});
    text.insert(html_start(text), "```html\n");
    return {std::move(text), true};
  }
  std::string text = unescape(std::exchange(buffer_, {}));
  if (text.ends_with('\\')) {
    buffer_ = '\\';
    text.pop_back();
  }
  return {std::move(text)};
}

std::string HtmlCompat::finish() {
  std::string rest = std::exchange(buffer_, {});
  if (detected_) rest += "\n```";
  num_pieces_ = 0;
  detected_ = false;
  return streaming_ ? rest : std::string();
}

}  // namespace glmv::parsers
