#include "glmv/net/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

namespace glmv::net {
namespace {

constexpr size_t kMaxUrlBytes = 8192;
constexpr size_t kMaxHostBytes = 253;
constexpr size_t kMaxLabelBytes = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_unreserved(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
// RFC 3986 pchar, and what a query may hold besides.
bool is_target_char(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/?").find(c) != std::string_view::npos;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

Result<void> check_label(std::string_view label) {
  if (label.empty()) return invalid_argument("URL: the host has an empty label");
  if (label.size() > kMaxLabelBytes)
    return invalid_argument("URL: a label of the host is too long");
  for (const char c : label) {
    if (!is_alphanumeric(c) && c != '-') {
      return invalid_argument(
          "URL: the host holds a character other than letters, digits, '-' and '.'");
    }
  }
  if (label.starts_with('-') || label.ends_with('-')) {
    return invalid_argument("URL: a label of the host begins or ends with '-'");
  }
  return {};
}

// Some programs read such a label, at the end, as a number of an address.
bool looks_numeric(std::string_view label) {
  if (std::ranges::all_of(label, is_digit)) return true;
  return label.starts_with("0x") &&
         std::ranges::all_of(label.substr(2), [](char c) { return hex_digit(c) >= 0; });
}

Result<void> read_host(std::string_view text, Url& url) {
  if (text.empty()) return invalid_argument("URL: the host is missing");
  if (text.size() > kMaxHostBytes) return invalid_argument("URL: the host is too long");
  url.host = lower(text);
  if (url.host.ends_with('.')) return invalid_argument("URL: the host ends with a dot");
  size_t begin = 0;
  std::string_view label;
  while (begin <= url.host.size()) {
    label = std::string_view(url.host).substr(begin);
    label = label.substr(0, label.find('.'));
    GLMV_RETURN_IF_ERROR(check_label(label));
    begin += label.size() + 1;
  }
  if (!looks_numeric(label)) return {};
  url.address = IpAddress::parse(url.host);
  if (!url.address) {
    return invalid_argument("URL: write an IPv4 address as four decimal numbers, as in 192.0.2.1");
  }
  return {};
}

Result<void> read_port(std::string_view text, Url& url) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size() && !text.empty();
  if (!whole || port < 1 || port > 65535 || text.starts_with('0')) {
    return invalid_argument("URL: the port must be a number from 1 to 65535");
  }
  url.port = static_cast<uint16_t>(port);
  url.has_port = true;
  return {};
}

Result<void> read_authority(std::string_view text, Url& url) {
  if (text.find('@') != text.npos) return invalid_argument("URL: user names are not taken");
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == text.npos) return invalid_argument("URL: ']' is missing");
    url.address = IpAddress::parse(text.substr(1, close - 1));
    if (!url.address || !url.address->is_v6) return invalid_argument("URL: bad IPv6 address");
    url.host = url.address->text();
    const std::string_view rest = text.substr(close + 1);
    if (rest.empty()) return {};
    if (!rest.starts_with(':')) return invalid_argument("URL: unexpected text behind the address");
    return read_port(rest.substr(1), url);
  }
  const size_t colon = text.find(':');
  GLMV_RETURN_IF_ERROR(read_host(text.substr(0, colon), url));
  return colon == text.npos ? Result<void>() : read_port(text.substr(colon + 1), url);
}

// Escapes in upper case, and none of characters that need none.
Result<std::string> canonical_escapes(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_target_char(text[i])) {
        return invalid_argument("URL: write the character at position {} of the path as %XX", i);
      }
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return invalid_argument("URL: bad percent-escape");
    const char c = static_cast<char>(high * 16 + low);
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      out += {'%', kDigits[high], kDigits[low]};
    }
    i += 2;
  }
  return out;
}

// RFC 3986 5.2.4. `path` begins with a slash.
std::string without_dot_segments(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    const bool last = end == path.size();
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (part != ".") {
      parts.push_back(part);
    }
    if (last && (part == "." || part == "..")) parts.push_back("");
    begin = end + 1;
  }
  std::string out;
  for (const std::string_view part : parts) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

Result<void> read_target(std::string_view text, Url& url) {
  GLMV_ASSIGN(const std::string escaped, canonical_escapes(text));
  const size_t question = std::min(escaped.find('?'), escaped.size());
  const std::string path = question == 0 ? "/" : escaped.substr(0, question);
  url.target = without_dot_segments(path) + escaped.substr(question);
  return {};
}

Result<void> check_characters(std::string_view text) {
  if (text.size() > kMaxUrlBytes) {
    return invalid_argument("URL: more than {} bytes", kMaxUrlBytes);
  }
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80)
      return invalid_argument("URL: characters outside ASCII; write %XX, and hosts as xn--");
    if (byte <= 0x20 || byte == 0x7f)
      return invalid_argument("URL: white space or control characters");
    if (c == '\\') return invalid_argument("URL: backslash");
  }
  return {};
}

}  // namespace

std::string Url::host_text() const { return address && address->is_v6 ? "[" + host + "]" : host; }

std::string Url::text() const {
  const bool usual = port == (scheme == "https" ? 443 : 80);
  return scheme + "://" + host_text() + (usual ? "" : ":" + std::to_string(port)) + target;
}

Result<Url> parse_url(std::string_view text) {
  GLMV_RETURN_IF_ERROR(check_characters(text));
  const size_t colon = text.find("://");
  if (colon == text.npos) return invalid_argument("URL: expected https://host/path");
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return invalid_argument("URL: only http and https are taken");
  }
  url.port = url.scheme == "https" ? 443 : 80;
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));  // never sent
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  GLMV_RETURN_IF_ERROR(read_authority(text.substr(0, end), url));
  GLMV_RETURN_IF_ERROR(read_target(text.substr(end), url));
  return url;
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
  GLMV_RETURN_IF_ERROR(check_characters(reference));
  const size_t colon = reference.find("://");
  const size_t first_special = reference.find_first_of("/?#");
  if (colon != reference.npos && colon < first_special) return parse_url(reference);
  if (reference.starts_with("//")) return parse_url(base.scheme + ":" + std::string(reference));
  if (reference.substr(0, first_special).find(':') != reference.npos) {
    return invalid_argument("URL: only http and https are taken");
  }
  reference = reference.substr(0, reference.find('#'));
  const std::string path = base.target.substr(0, base.target.find('?'));
  std::string target;
  if (reference.empty()) {
    target = base.target;
  } else if (reference.starts_with('?')) {
    target = path + std::string(reference);
  } else if (reference.starts_with('/')) {
    target = reference;
  } else {
    target = path.substr(0, path.rfind('/') + 1) + std::string(reference);
  }
  Url url = base;
  GLMV_RETURN_IF_ERROR(read_target(target, url));
  return url;
}

}  // namespace glmv::net
