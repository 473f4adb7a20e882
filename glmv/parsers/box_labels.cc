#include "glmv/parsers/box_labels.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/parsers/answer.h"
#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr size_t kMaxLabelBytes = 60;

// Words between a name and its box. Lower case; the last three are Chinese for "is located at".
constexpr std::string_view kLinkWords[] = {
    "is",    "are",    "at",       "in",          "located",    "found",    "here",     "box",
    "bbox",  "boxes",  "bounding", "coordinates", "coordinate", "position", "location", "region",
    "point", "points", "with",     "of",          "and",        "or",       "by",       "the",
    "its",   "a",      "an",       "then",        "also",       "answer",   "final",    "result"};
constexpr std::string_view kChineseLinks[] = {"\xE4\xBD\x8D\xE4\xBA\x8E",
                                              "\xE5\x9C\xA8",
                                              "\xE5\x9D\x90\xE6\xA0\x87",
                                              "\xE6\x98\xAF",
                                              "\xE4\xB8\xBA",
                                              "\xE5\x92\x8C",
                                              "\xE7\x9A\x84"};
// Punctuation that ends a clause, ASCII and fullwidth.
constexpr std::string_view kBreaks[] = {
    ". ",           "; ",           ", ",           "! ",           "? ",          "\xE3\x80\x82",
    "\xEF\xBC\x9B", "\xEF\xBC\x8C", "\xEF\xBC\x81", "\xEF\xBC\x9F", "\xE3\x80\x81"};
// Removed from both ends of a label.
constexpr std::string_view kEdges[] = {":",
                                       ",",
                                       ";",
                                       "-",
                                       "*",
                                       "_",
                                       "`",
                                       "\"",
                                       "'",
                                       "#",
                                       "=",
                                       ">",
                                       "|",
                                       ".",
                                       "(",
                                       "[",
                                       "{",
                                       "<",
                                       ")",
                                       "]",
                                       "}",
                                       "+",
                                       "!",
                                       "?",
                                       "\xEF\xBC\x9A",
                                       "\xEF\xBC\x8C",
                                       "\xE3\x80\x82",
                                       "\xE2\x80\xA2",
                                       "\xE2\x80\x93",
                                       "\xE2\x80\x94",
                                       "\xE3\x80\x81"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  }
  return out;
}

bool is_link_word(std::string_view word) {
  return std::ranges::find(kLinkWords, lower(word)) != std::end(kLinkWords);
}

// "1. name", "2) name": the number goes.
std::string_view drop_list_number(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || digits > 3 || digits == text.size()) return text;
  if (text[digits] != '.' && text[digits] != ')' && text[digits] != ':') return text;
  return text.substr(digits + 1);
}

std::string_view drop_links(std::string_view text) {
  while (true) {
    text = trim_edges(text, kEdges);
    const size_t first_end = text.find(' ');
    if (is_link_word(text.substr(0, first_end))) {
      text.remove_prefix(first_end == std::string_view::npos ? text.size() : first_end);
      continue;
    }
    const size_t last_begin = text.rfind(' ');
    if (last_begin != std::string_view::npos && is_link_word(text.substr(last_begin + 1))) {
      text = text.substr(0, last_begin);
      continue;
    }
    const auto link = std::ranges::find_if(
        kChineseLinks, [&](std::string_view word) { return text.ends_with(word); });
    if (link == std::end(kChineseLinks)) return text;
    text.remove_suffix(link->size());
  }
}

}  // namespace

std::string box_label(std::string_view before) {
  // Only the end of a very long line can name the box.
  const bool cut = before.size() > 4 * kMaxLabelBytes;
  if (cut) before.remove_prefix(before.size() - 4 * kMaxLabelBytes);
  const std::string plain = strip_box_markers(before);
  std::string_view text = trim_white_space(drop_list_number(trim_edges(plain, kEdges)));
  // The last clause; punctuation right in front of the box is no break.
  text = trim_edges(text, kEdges);
  size_t begin = 0;
  for (const std::string_view end : kBreaks) {
    const size_t at = text.rfind(end);
    if (at != std::string_view::npos) begin = std::max(begin, at + end.size());
  }
  text = drop_links(text.substr(begin));
  if (text.size() > kMaxLabelBytes || (cut && begin == 0)) return {};
  const bool only_digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return only_digits ? std::string() : repair_utf8(text);
}

}  // namespace glmv::parsers
