#include "apps/glmv/help_pages.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "apps/glmv/help_formatter.h"
#include "glmv/base/texts.h"
#include "glmv/terminal/styled_text.h"

namespace glmv::app {
namespace {

constexpr int64_t kScreenLines = 24;
constexpr std::string_view kHelp = "--help", kHelpAll = "--help-all", kHelpIs = "--help=";

// Options that most people look for, in this order; the others follow as long as there is room.
constexpr const char* kFirstOptions[] = {"model",      "image",
                                         "video",      "doc",
                                         "query",      "prompt",
                                         "system",     "json",
                                         "output",     "max-tokens",
                                         "temp",       "think",
                                         "show-think", "device",
                                         "quant",      "session",
                                         "continue",   "script",
                                         "save-boxes", "host",
                                         "port",       "served-model-name",
                                         "api-key",    "track",
                                         "timeline",   "sheet",
                                         "help"};

using Options = std::vector<const CLI::Option*>;

int64_t num_lines(const std::string& text) { return std::ranges::count(text, '\n'); }

size_t place_of(const CLI::Option& option) {
  const std::vector<std::string>& names = option.get_lnames();
  const auto* const found = std::ranges::find_if(kFirstOptions, [&](const char* name) {
    return std::ranges::find(names, name) != names.end();
  });
  return static_cast<size_t>(found - std::begin(kFirstOptions));
}

Options options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return option->nonpositional() && !option->get_group().empty();
  });
}

// Words of its groups, each once, in their order.
std::vector<std::string> groups_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : options_of(app)) {
    std::string word = group_word(option->get_group());
    if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  }
  return words;
}

struct Command {
  const CLI::App& app;
  std::string name;  // with those above it
  const CLI::Formatter& formatter;

  std::string whole() const { return formatter.make_help(&app, name, CLI::AppFormatMode::Normal); }
  std::string head() const {
    return formatter.make_description(&app) + formatter.make_usage(&app, name);
  }
};

Result<std::string> group_text(const Command& command, const std::string& wanted) {
  std::string text = command.head();
  std::vector<std::string> shown;
  for (const CLI::Option* option : options_of(command.app)) {
    const std::string& group = option->get_group();
    const bool again = std::ranges::find(shown, group) != shown.end();
    if (group_word(group) != wanted || again) continue;
    shown.push_back(group);
    text += command.formatter.make_group(
        group, false, command.app.get_options([&](const CLI::Option* other) {
          return other->nonpositional() && other->get_group() == group;
        }));
  }
  if (!shown.empty()) return text;
  return invalid_argument("{}", tr_format("--help {}: there is no such group; known: {}", wanted,
                                          fmt::join(groups_of(command.app), ", ")));
}

std::string first_text(const Command& command) {
  std::string all = command.whole();
  if (num_lines(all) <= kScreenLines) return all;
  const std::string head = command.head() + command.formatter.make_positionals(&command.app);
  std::string more = "\n";
  for (const std::string& line :
       terminal::wrap(tr_format("More: --help GROUP, with one of: {}. All: --help-all",
                                fmt::join(groups_of(command.app), ", ")),
                      help_columns())) {
    more += line + "\n";
  }
  Options ranked = options_of(command.app);
  std::ranges::stable_sort(ranked, {}, [](const CLI::Option* option) { return place_of(*option); });
  Options shown;
  std::string text = head + more;
  for (const CLI::Option* option : ranked) {
    shown.push_back(option);
    const std::string longer = head + command.formatter.make_group("Options", false, shown) + more;
    if (num_lines(longer) > kScreenLines) {
      shown.pop_back();
      continue;
    }
    text = longer;
  }
  return text;
}

}  // namespace

std::string group_word(std::string_view group) {
  constexpr std::string_view kArticles[] = {"a", "an", "the"};
  std::string word;
  for (const char c : group) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) word += static_cast<char>(c | 0x20);
    if (letter || word.empty()) continue;
    if (std::ranges::find(kArticles, word) == std::end(kArticles)) return word;
    word.clear();
  }
  return word;
}

HelpPage take_help_page(std::vector<std::string>& words) {
  // The first word is the program, the second the command.
  for (size_t i = 2; i < words.size() && words[i] != "--"; ++i) {
    const std::string word = words[i];
    if (word == kHelpAll) {
      words[i] = kHelp;
      return {HelpPage::Part::kAll, {}};
    }
    if (word.starts_with(kHelpIs)) {
      words[i] = kHelp;
      return {HelpPage::Part::kGroup, group_word(word.substr(kHelpIs.size()))};
    }
    const bool has_group = i + 1 < words.size() && !words[i + 1].starts_with('-');
    if ((word == kHelp || word == "-h") && has_group) {
      HelpPage page{HelpPage::Part::kGroup, group_word(words[i + 1])};
      words.erase(words.begin() + static_cast<ptrdiff_t>(i) + 1);
      return page;
    }
  }
  return {};
}

Result<std::string> help_text(const CLI::App& root, const HelpPage& page) {
  const CLI::App* app = &root;
  std::string name = root.get_name();
  for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
    app = chosen[0];
    name += " " + app->get_name();
  }
  const auto formatter = std::dynamic_pointer_cast<CLI::Formatter>(app->get_formatter());
  if (!formatter || app == &root) return root.help();
  const Command command{*app, name, *formatter};
  switch (page.part) {
    case HelpPage::Part::kAll:
      return command.whole();
    case HelpPage::Part::kGroup:
      return group_text(command, page.group);
    case HelpPage::Part::kFirst:
      break;
  }
  return first_text(command);
}

}  // namespace glmv::app
