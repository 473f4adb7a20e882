#include "glmv/net/http_fields.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace glmv::net {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The text up to `mark`, which `rest` then begins behind.
std::string_view take_until(std::string_view& rest, char mark) {
  const std::string_view piece = rest.substr(0, rest.find(mark));
  rest.remove_prefix(std::min(piece.size() + 1, rest.size()));
  return trimmed(piece);
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// Whether the parameters of a coding say q=0 or q=0.000.
bool is_refused(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = take_until(parameters, ';');
    const std::string_view name = take_until(value, '=');
    if (!same_word(name, "q")) continue;
    return value.empty() || value.find_first_not_of("0.") == value.npos;
  }
  return false;
}

std::optional<int64_t> number(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool begins_well = !digits.empty() && digits[0] >= '0' && digits[0] <= '9';
  if (error != std::errc() || end != digits.data() + digits.size() || !begins_well) return {};
  return value;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> gzip, any;
  for (std::string_view rest = accept_encoding; !rest.empty();) {
    std::string_view coding = take_until(rest, ',');
    const std::string_view name = take_until(coding, ';');
    if (same_word(name, "gzip") || same_word(name, "x-gzip")) gzip = !is_refused(coding);
    if (name == "*") any = !is_refused(coding);
  }
  return gzip.value_or(any.value_or(false));
}

bool matches_etag(std::string_view if_none_match, std::string_view etag) {
  if (trimmed(if_none_match) == "*") return true;
  for (std::string_view rest = if_none_match; !rest.empty();) {
    std::string_view tag = take_until(rest, ',');
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (!tag.empty() && tag == etag) return true;
  }
  return false;
}

ByteRange byte_range(std::string_view range, int64_t size) {
  using Kind = ByteRange::Kind;
  std::string_view rest = trimmed(range);
  if (!same_word(take_until(rest, '='), "bytes") || rest.find(',') != rest.npos) return {};
  const size_t dash = rest.find('-');
  if (dash == rest.npos) return {};
  const std::string_view from = trimmed(rest.substr(0, dash)), to = trimmed(rest.substr(dash + 1));
  const std::optional<int64_t> first = number(from), last = number(to);
  if (from.empty()) {  // the last bytes
    if (!last) return {};
    if (*last == 0 || size == 0) return {Kind::kNone};
    const int64_t length = std::min(*last, size);
    return {Kind::kPart, size - length, length};
  }
  if (!first || (!to.empty() && (!last || *last < *first))) return {};
  if (*first >= size) return {Kind::kNone};
  const int64_t end = to.empty() ? size : std::min(*last, size - 1) + 1;
  return {Kind::kPart, *first, end - *first};
}

}  // namespace glmv::net
