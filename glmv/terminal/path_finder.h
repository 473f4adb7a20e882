#pragma once
// Paths of media inside a message, as a terminal writes them when a file is dropped on it.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::terminal {

struct FoundPaths {
  std::string text;                // the message without them
  std::vector<std::string> paths;  // in their order, without quotes and escapes, ~ kept
};

// Words that begin with /, ./, ../, ~/ or file:// (blanks escaped by a backslash), or quoted ones,
// whose ending is that of a picture, video, PDF or slide show and for which `exists` holds.
FoundPaths find_paths(std::string_view message,
                      const std::function<bool(const std::string&)>& exists);

// Words of a command line: blanks separate, quotes and backslashes keep them together.
std::vector<std::string> split_words(std::string_view line);

// For the command line: with backslashes before blanks, quotes and the like.
std::string escaped_path(std::string_view path);

}  // namespace glmv::terminal
