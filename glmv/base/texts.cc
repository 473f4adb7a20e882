#include "glmv/base/texts.h"

#include <algorithm>
#include <cstdlib>

#include "glmv/base/texts_data.h"

namespace glmv {
namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// "zh_CN.UTF-8@modifier": the part between dot and @ is UTF-8, or there is none.
bool is_utf8(std::string_view locale) {
  const size_t dot = locale.find('.');
  if (dot == locale.npos) return true;
  std::string encoding;
  for (const char c : locale.substr(dot + 1, locale.find('@', dot) - dot - 1)) {
    if (c != '-' && c != '_') encoding += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  return encoding == "utf8";
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
  }
  return out;
}

}  // namespace

Language language_of_environment() {
  for (const char* name : {"GLMV_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) {
    const std::string_view value = variable(name);
    if (value.empty()) continue;
    const bool chinese = value.starts_with("zh") && is_utf8(value);
    return chinese ? Language::kChinese : Language::kEnglish;
  }
  return Language::kEnglish;
}

Catalogue parse_catalogue(std::string_view lines) {
  Catalogue out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const size_t tab = line.find('\t');
    if (line.starts_with('#') || tab == line.npos) continue;
    out.insert_or_assign(unescaped(line.substr(0, tab)), unescaped(line.substr(tab + 1)));
  }
  return out;
}

std::string for_catalogue(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      if (c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

const Catalogue& catalogue(Language language) {
  static const Catalogue kNone;
  static const Catalogue kChinese = parse_catalogue(kChineseTexts);
  return language == Language::kChinese ? kChinese : kNone;
}

std::string tr(std::string_view english) {
  const Language language = language_of_environment();
  if (language == Language::kEnglish) return std::string(english);
  const Catalogue& texts = catalogue(language);
  const auto found = texts.find(english);
  return found == texts.end() ? std::string(english) : found->second;
}

std::string tr_count(int64_t count, CountText one, CountText more) {
  return tr_format<const int64_t&>(count == 1 ? one : more, count);
}

}  // namespace glmv
