// The catalogues against the sources whose texts they translate.

#include "glmv/base/texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/base/utf8.h"

namespace glmv {
namespace {

using testing::IsEmpty;

using Variables = std::map<std::string, std::string>;

// Sets variables of the environment for one test.
class Environment {
 public:
  explicit Environment(const Variables& values) {
    for (const char* name : {"GLMV_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) ::unsetenv(name);
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() { ::setenv("GLMV_LANG", "en", 1); }
};

TEST(Texts, TheFirstVariableThatIsSetDecides) {
  const struct {
    Variables variables;
    Language language;
  } kCases[] = {
      {{}, Language::kEnglish},
      {{{"LANG", "zh_CN.UTF-8"}}, Language::kChinese},
      {{{"LANG", "zh_TW"}}, Language::kChinese},
      {{{"LANG", "zh_CN.utf8@pinyin"}}, Language::kChinese},
      {{{"LANG", "zh_CN.GB18030"}}, Language::kEnglish},
      {{{"LANG", "C.UTF-8"}}, Language::kEnglish},
      {{{"LANG", "POSIX"}}, Language::kEnglish},
      {{{"LANG", "de_DE.UTF-8"}}, Language::kEnglish},
      {{{"LANG", "zh_CN.UTF-8"}, {"LC_MESSAGES", "en_US.UTF-8"}}, Language::kEnglish},
      {{{"LANG", "en_US.UTF-8"}, {"LC_MESSAGES", "zh_CN.UTF-8"}}, Language::kChinese},
      {{{"LC_MESSAGES", "zh_CN.UTF-8"}, {"LC_ALL", "C"}}, Language::kEnglish},
      {{{"LC_ALL", "C.UTF-8"}, {"GLMV_LANG", "zh"}}, Language::kChinese},
      {{{"LC_ALL", "zh_CN.UTF-8"}, {"GLMV_LANG", "en"}}, Language::kEnglish},
      {{{"LC_ALL", ""}, {"GLMV_LANG", ""}, {"LANG", "zh_CN.UTF-8"}}, Language::kChinese},
  };
  for (const auto& [variables, language] : kCases) {
    const Environment environment(variables);
    std::string given;
    for (const auto& [name, value] : variables) given += name + "=" + value + " ";
    EXPECT_EQ(language_of_environment(), language) << given;
  }
}

TEST(Texts, AreInTheLanguageOfTheEnvironment) {
  {
    const Environment chinese(Variables{{"GLMV_LANG", "zh"}});
    EXPECT_EQ(tr("picture, repeatable"), "\u56fe\u7247\uff0c\u53ef\u91cd\u590d\u6307\u5b9a");
    EXPECT_EQ(tr("what nobody has translated"), "what nobody has translated");
    EXPECT_EQ(tr(""), "");
    EXPECT_EQ(tr_format("{} of {} done, {:.1f} a minute, {} left", 1, 2, 3.0, "x").find("{"),
              std::string::npos);
  }
  EXPECT_EQ(tr("picture, repeatable"), "picture, repeatable");
  EXPECT_EQ(tr_format("{:.1f} and {}", 1.25, "two"), "1.2 and two");
  EXPECT_EQ(tr_count(1, "{} page", "{} pages"), "1 page");
  EXPECT_EQ(tr_count(0, "{} page", "{} pages"), "0 pages");
}

TEST(Texts, LinesOfACatalogue) {
  const Catalogue texts = parse_catalogue("# no\tline\n\na\\nb\\\\c\t1\\t2\nalone\nd\te");
  EXPECT_EQ(texts, Catalogue({{"a\nb\\c", "1\t2"}, {"d", "e"}}));
  EXPECT_EQ(for_catalogue("a\nb\\c\td"), "a\\nb\\\\c\\td");
}

std::string read_source(const std::filesystem::path& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text) << path;
  return text ? *text : "";
}

const std::filesystem::path kRoot = GLMV_SOURCE_DIR;

TEST(Texts, TheCatalogueIsWellFormed) {
  const std::string lines = read_source(kRoot / "glmv/base/texts/zh.tsv");
  EXPECT_FALSE(find_invalid_utf8(lines));
  std::set<std::string> seen;
  std::vector<std::string> bad;
  for (size_t at = 0; at < lines.size();) {
    const std::string line = lines.substr(at, lines.find('\n', at) - at);
    at += line.size() + 1;
    if (line.empty() || line.starts_with('#')) continue;
    const std::string english = line.substr(0, line.find('\t'));
    const bool form = std::ranges::count(line, '\t') == 1 && !english.empty() &&
                      !line.ends_with('\t') && !line.ends_with(' ');
    if (!form || !seen.insert(english).second) bad.push_back(line);
  }
  EXPECT_THAT(bad, IsEmpty()) << "not ENGLISH<TAB>TRANSLATION, or a second time";
}

// {}, {1}, {:.1f} by their numbers.
std::vector<std::pair<int, std::string>> places(const std::string& text) {
  std::vector<std::pair<int, std::string>> out;
  for (size_t at = 0; (at = text.find('{', at)) != text.npos; ++at) {
    const size_t end = text.find('}', at);
    if (end == text.npos) break;
    const std::string inside = text.substr(at + 1, end - at - 1);
    const std::string number = inside.substr(0, inside.find(':'));
    if (number.find_first_not_of("0123456789") != number.npos) continue;
    out.emplace_back(number.empty() ? static_cast<int>(out.size()) : std::stoi(number),
                     inside.substr(number.size()));
  }
  std::ranges::sort(out);
  return out;
}

TEST(Texts, TranslationsHaveThePlacesOfTheOriginal) {
  EXPECT_EQ(places("{1} of {0:.1f}"), places("{:.1f} {}"));
  EXPECT_NE(places("{} {:.1f}"), places("{:.1f} {}"));
  for (const auto& [english, chinese] : catalogue(Language::kChinese)) {
    EXPECT_EQ(places(english), places(chinese)) << english << "\n" << chinese;
  }
}

// What a C++ source consists of, as far as these tests need it; neighbouring literals are one.
struct Token {
  enum Kind { kLiteral, kWord, kMark } kind;
  std::string text;
};

size_t add_escape(const std::string& source, size_t at, std::string& out) {
  const char c = source[at];
  const auto number = [&](size_t begin, size_t most, int base) {
    size_t end = begin;
    while (end - begin < most && std::isxdigit(static_cast<unsigned char>(source[end]))) ++end;
    const auto value = std::stoul(source.substr(begin, end - begin), nullptr, base);
    if (c == 'u') {
      append_utf8(out, static_cast<char32_t>(value));
    } else {
      out += static_cast<char>(value);
    }
    return end;
  };
  if (c == 'u') return number(at + 1, 4, 16);
  if (c == 'x') return number(at + 1, 2, 16);
  if (c >= '0' && c <= '7') return number(at, 3, 8);
  out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  return at + 1;
}

std::vector<Token> tokens_of(const std::string& source) {
  std::vector<Token> out;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (size_t at = 0; at < source.size();) {
    if (source.compare(at, 2, "//") == 0) {
      at = std::min(source.find('\n', at), source.size());
    } else if (source.compare(at, 2, "R\"") == 0) {
      const size_t open = source.find('(', at);
      const std::string close = ")" + source.substr(at + 2, open - at - 2) + "\"";
      at = std::min(source.find(close, open), source.size() - close.size()) + close.size();
      out.push_back({Token::kMark, "R"});
    } else if (source[at] == '\'') {
      while (++at < source.size() && source[at] != '\'') at += source[at] == '\\' ? 1 : 0;
      ++at;
    } else if (source[at] == '"') {
      if (out.empty() || out.back().kind != Token::kLiteral) out.push_back({Token::kLiteral, ""});
      std::string& text = out.back().text;
      for (++at; at < source.size() && source[at] != '"';) {
        if (source[at] == '\\') {
          at = add_escape(source, at + 1, text);
        } else {
          text += source[at++];
        }
      }
      ++at;
    } else if (is_word(source[at])) {
      size_t end = at;
      // 1'000 is one word.
      while (end < source.size() &&
             (is_word(source[end]) ||
              (source[end] == '\'' && std::isdigit(static_cast<unsigned char>(source[at]))))) {
        ++end;
      }
      out.push_back({Token::kWord, source.substr(at, end - at)});
      at = end;
    } else {
      if (!std::isspace(static_cast<unsigned char>(source[at]))) {
        out.push_back({Token::kMark, std::string(1, source[at])});
      }
      ++at;
    }
  }
  return out;
}

// Literals that a call of tr, tr_format or tr_count at `at` passes through the catalogue.
void add_texts(const std::vector<Token>& tokens, size_t at, std::set<std::string>& out) {
  const std::string& function = tokens[at].text;
  int depth = 0;
  for (size_t i = at + 1; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.kind == Token::kLiteral && (function != "tr_count" || depth == 1)) {
      out.insert(token.text);
    }
    if (token.kind != Token::kMark) continue;
    if (token.text == "(" || token.text == "{") ++depth;
    if (token.text == ")" || token.text == "}") --depth;
    if (depth == 0 || (depth == 1 && token.text == "," && function == "tr_format")) return;
  }
}

struct SourceTexts {
  std::set<std::string> all;         // every literal
  std::set<std::string> translated;  // those of calls
};

SourceTexts texts_of(const std::string& source) {
  SourceTexts out;
  const std::vector<Token> tokens = tokens_of(source);
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].kind == Token::kLiteral) out.all.insert(tokens[i].text);
    const std::string& word = tokens[i].text;
    const bool call = word == "tr" || word == "tr_format" || word == "tr_count";
    if (tokens[i].kind == Token::kWord && call && tokens[i + 1].text == "(") {
      add_texts(tokens, i, out.translated);
    }
  }
  return out;
}

TEST(Texts, LiteralsOfASource) {
  const SourceTexts texts = texts_of(R"cc(
    // tr("a comment")
    char c = '"';
    int n = 1'000;
    f("other");
    tr("one "
       "text");
    tr(name);
    tr(x ? "yes" : "no");
    tr_format("{} \"\u00b7\" {}\n", "value", g("inner"));
    tr_count(n, "{} page", "{} pages");
  )cc");
  EXPECT_EQ(texts.translated, std::set<std::string>({"one text", "yes", "no", "{} \"\u00b7\" {}\n",
                                                     "{} page", "{} pages"}));
  EXPECT_TRUE(texts.all.contains("other"));
  EXPECT_FALSE(texts.all.contains("a comment"));
}

SourceTexts texts_of_sources() {
  SourceTexts out;
  for (const char* folder : {"apps", "glmv"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / folder)) {
      const std::filesystem::path& path = entry.path();
      const bool source = path.extension() == ".cc" || path.extension() == ".h";
      const std::string stem = path.stem().string();
      if (!source || stem.ends_with("_test") || stem.ends_with("_for_test")) continue;
      SourceTexts some = texts_of(read_source(path));
      out.all.merge(some.all);
      out.translated.merge(some.translated);
    }
  }
  return out;
}

// As the page of options has a text in the cell of a table (apps/glmv/manual_page.cc).
std::string in_cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : c == '<' ? "&lt;" : std::string(1, c);
  return out;
}

TEST(Texts, TheCatalogueHasWhatTheSourcesSayAndNothingElse) {
  const Catalogue& chinese = catalogue(Language::kChinese);
  const SourceTexts sources = texts_of_sources();
  // Descriptions of options that are put together of several literals stand there.
  const std::string page = read_source(kRoot / "docs/configuration.md");
  std::string missing, stale;
  for (const std::string& text : sources.translated) {
    if (!chinese.contains(text)) missing += for_catalogue(text) + "\t\n";
  }
  for (const auto& [english, translation] : chinese) {
    const bool said = sources.all.contains(english) || page.contains(in_cell(english));
    if (!said) stale += for_catalogue(english) + "\n";
  }
  EXPECT_EQ(missing, "") << "glmv/base/texts/zh.tsv lacks these: add them with their translations";
  EXPECT_EQ(stale, "") << "no source says these any more: take them out of glmv/base/texts/zh.tsv";
}

}  // namespace
}  // namespace glmv
