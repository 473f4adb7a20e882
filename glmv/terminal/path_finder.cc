#include "glmv/terminal/path_finder.h"

#include <algorithm>

#include "glmv/terminal/attachment.h"

namespace glmv::terminal {
namespace {

constexpr size_t kLongestPath = 4200;  // bytes, with its escapes

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

struct Word {
  std::string value;
  size_t end = 0;  // byte behind it
  bool quoted = false, closed = true;
};

// pos: at a character that is no blank.
Word read_word(std::string_view text, size_t pos) {
  Word word{.end = pos};
  if (text[pos] == '\'' || text[pos] == '"') {
    const size_t close = text.find(text[pos], pos + 1);
    word.quoted = true;
    word.closed = close != text.npos;
    word.end = word.closed ? close + 1 : text.size();
    word.value = text.substr(pos + 1, (word.closed ? close : text.size()) - pos - 1);
    return word;
  }
  while (word.end < text.size() && !is_space(text[word.end])) {
    if (text[word.end] == '\\' && word.end + 1 < text.size()) ++word.end;
    word.value += text[word.end++];
  }
  return word;
}

bool looks_like_path(const Word& word) {
  const std::string_view v = word.value;
  const bool rooted = v.starts_with('/') || v.starts_with("./") || v.starts_with("../") ||
                      v.starts_with("~/") || v.starts_with("file://");
  return (rooted || word.quoted) && word.closed && kind_of_file(v).has_value();
}

}  // namespace

FoundPaths find_paths(std::string_view message,
                      const std::function<bool(const std::string&)>& exists) {
  FoundPaths found;
  for (size_t at = 0; at < message.size();) {
    const bool starts = at == 0 || is_space(message[at - 1]);
    if (is_space(message[at]) || !starts) {
      found.text += message[at++];
      continue;
    }
    Word word = read_word(message.substr(0, at + kLongestPath), at);
    // "./a.png, what is it?": the comma is no part of the name.
    if (!word.quoted && !word.value.empty() && !kind_of_file(word.value) &&
        std::string_view(",.;:?!").find(word.value.back()) != std::string_view::npos) {
      word.value.pop_back();
      --word.end;
    }
    if (!looks_like_path(word) || !exists(word.value)) {
      found.text += message[at++];
      continue;
    }
    found.paths.push_back(word.value);
    at = word.end;
    // The blank behind it goes, too.
    const bool blank_before = found.text.empty() || is_space(found.text.back());
    if (at < message.size() && message[at] == ' ' && blank_before) ++at;
  }
  if (!found.paths.empty()) {
    const size_t begin = std::min(found.text.find_first_not_of(" \t\n"), found.text.size());
    const size_t last = found.text.find_last_not_of(" \t\n");
    found.text = last == found.text.npos ? "" : found.text.substr(begin, last + 1 - begin);
  }
  return found;
}

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = 0; at < line.size();) {
    if (is_space(line[at])) {
      ++at;
      continue;
    }
    Word word = read_word(line, at);
    at = word.end;
    words.push_back(std::move(word.value));
  }
  return words;
}

std::string escaped_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (std::string_view(" \t\\'\"").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace glmv::terminal
