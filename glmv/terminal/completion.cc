#include "glmv/terminal/completion.h"

#include <algorithm>
#include <filesystem>

#include "glmv/terminal/attachment.h"
#include "glmv/terminal/command_table.h"
#include "glmv/terminal/path_finder.h"

namespace glmv::terminal {
namespace {

constexpr size_t kMostCandidates = 1000;

// Begin of the word at the cursor; blanks behind a backslash belong to it.
size_t word_begin(std::string_view text, size_t cursor) {
  size_t at = cursor;
  while (at > 0) {
    const bool blank = text[at - 1] == ' ' || text[at - 1] == '\n' || text[at - 1] == '\t';
    if (blank && !(at > 1 && text[at - 2] == '\\')) break;
    --at;
  }
  return at;
}

std::vector<Candidate> commands(std::string_view start) {
  std::vector<Candidate> found;
  for (const CommandRow& row : command_rows()) {
    if (!row.name.starts_with(start)) continue;
    found.push_back({std::string(row.name), std::string(row.name), row.form.empty()});
  }
  return found;
}

std::vector<Candidate> words(std::string_view command, std::string_view start) {
  std::vector<std::string> all;
  if (command == "/think") all = {"on", "off", "auto", "budget"};
  if (command == "/show") all = {"think"};
  if (command == "/drop") all = {"all"};
  if (command == "/set") {
    for (const SettingRow& row : setting_rows()) all.emplace_back(row.name);
  }
  if (command == "/help") {
    for (const CommandRow& row : command_rows()) all.emplace_back(row.name.substr(1));
  }
  std::vector<Candidate> found;
  for (const std::string& word : all) {
    if (word.starts_with(start)) found.push_back({word, word, false});
  }
  return found;
}

std::vector<Candidate> paths(std::string_view start) {
  // As the word is written, without its escapes.
  const std::vector<std::string> parts = split_words(start);
  const std::string written = parts.empty() ? "" : parts[0];
  const size_t slash = written.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : written.substr(0, slash + 1);
  const std::string name = written.substr(folder.size());
  std::vector<Candidate> found;
  std::error_code error;
  const std::string real = folder.empty() ? "." : expand_home(folder);
  std::filesystem::directory_iterator entries(real, error);
  for (;
       !error && entries != std::filesystem::directory_iterator() && found.size() < kMostCandidates;
       entries.increment(error)) {
    const std::string file = entries->path().filename().string();
    if (!file.starts_with(name) || (file[0] == '.' && name.empty())) continue;
    // A newline would end the word.
    if (file.find('\n') != file.npos) continue;
    std::error_code ignored;
    const bool is_folder = entries->is_directory(ignored);
    found.push_back({escaped_path(folder + file) + (is_folder ? "/" : ""),
                     file + (is_folder ? "/" : ""), is_folder});
  }
  std::ranges::sort(found, {}, &Candidate::shown);
  return found;
}

}  // namespace

Completion complete_message(std::string_view text, size_t cursor) {
  const std::string_view before = text.substr(0, cursor);
  const size_t begin = word_begin(text, cursor);
  const std::string_view start = before.substr(begin);
  Completion completion{.begin = begin};
  const bool command = text.starts_with('/') && !text.starts_with("//");
  if (command && begin == 0) {
    completion.candidates = commands(start);
    // No command: a path that begins the message.
    if (completion.candidates.empty()) completion.candidates = paths(start);
    return completion;
  }
  const CommandRow* row = command ? find_command(text.substr(0, text.find(' '))) : nullptr;
  if (row != nullptr && row->completes == ArgumentKind::kWord) {
    completion.candidates = words(row->name, start);
  } else if (row == nullptr || row->completes == ArgumentKind::kPath) {
    if (row != nullptr || !start.empty()) completion.candidates = paths(start);
  }
  return completion;
}

}  // namespace glmv::terminal
