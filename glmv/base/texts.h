#pragma once
// Texts for people, in the language of their environment. English stands in the sources; every
// other language is a catalogue from it (texts/zh.tsv), which the program carries inside. What
// other programs read (JSON, logs, answers of the server, files) is never passed through here.

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace glmv {

enum class Language { kEnglish, kChinese };

// By GLMV_LANG, else LC_ALL, LC_MESSAGES, LANG: the first one that is set and not empty. Chinese
// for zh..., unless it names another encoding than UTF-8, which nothing here writes.
Language language_of_environment();

// From the English text.
using Catalogue = std::map<std::string, std::string, std::less<>>;
// Empty for English.
const Catalogue& catalogue(Language language);
// Lines of "English<TAB>translation" with \n, \t and \\ for these characters; lines that begin with
// # and empty ones are skipped, and so is what is no such line.
Catalogue parse_catalogue(std::string_view lines);
// A text as it stands in a catalogue.
std::string for_catalogue(std::string_view text);

// `english` in the language of the environment, or as it is where there is no translation.
// texts_test.cc knows literals as the first argument of these; texts of tables are passed through
// where they are shown.
std::string tr(std::string_view english);

// The same with values in its places. Translations have the places of the original, in any order
// ({1} {0}); texts_test.cc sees to it.
template <class... Args>
std::string tr_format(fmt::format_string<Args...> english, Args&&... args) {
  const fmt::string_view text = english;
  return fmt::vformat(tr({text.data(), text.size()}), fmt::make_format_args(args...));
}

// One text for exactly one, another for other numbers; both have one place, for the number.
using CountText = fmt::format_string<const int64_t&>;
std::string tr_count(int64_t count, CountText one, CountText more);

}  // namespace glmv
