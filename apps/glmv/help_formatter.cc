#include "apps/glmv/help_formatter.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/styled_text.h"

namespace glmv::app {
namespace {

constexpr int kTextColumn = 34;
// Where less than this is left beside the names, texts stand below them.
constexpr int kLeastText = 24, kTextBelow = 6;
constexpr int kUsualColumns = 80;

std::string blanks(int count) { return std::string(static_cast<size_t>(count), ' '); }

}  // namespace

HelpFormatter::HelpFormatter(int columns) : columns_(columns) {
  label("Usage", tr("Usage"));
  label("OPTIONS", tr("OPTIONS"));
  label("SUBCOMMAND", tr("SUBCOMMAND"));
  label("Positionals", tr("Positionals"));
  label("REQUIRED", tr("REQUIRED"));
}

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  // CLI11's own name of what is in no group.
  std::string out = "\n" + (group == "Options" ? tr("Options") : tr(group)) + ":\n";
  for (const CLI::Option* option : options) out += make_option(option, is_positional);
  return out;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return row(make_option_name(option, is_positional) + make_option_opts(option),
             option->get_description());
}

std::string HelpFormatter::make_subcommands(const CLI::App* app, CLI::AppFormatMode) const {
  const std::vector<const CLI::App*> commands = app->get_subcommands({});
  std::vector<std::string> groups;
  for (const CLI::App* command : commands) {
    const std::string& group = command->get_group();
    if (!group.empty() && std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  }
  std::string out;
  for (const std::string& group : groups) {
    out += "\n" + tr(group) + ":\n";
    for (const CLI::App* command : commands) {
      if (command->get_group() == group) out += make_subcommand(command);
    }
  }
  return out;
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return row(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return paragraph(app->get_description());
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  return paragraph(app->get_footer());
}

std::string HelpFormatter::row(const std::string& name, const std::string& text) const {
  std::string out = "  " + name;
  if (text.empty()) return out + "\n";
  const int column = columns_ >= kTextColumn + kLeastText ? kTextColumn : kTextBelow;
  const int width = terminal::display_width(out);
  out += width < column ? blanks(column - width) : "\n" + blanks(column);
  bool first = true;
  for (const std::string& line : terminal::wrap(tr(text), std::max(columns_ - column, 2))) {
    if (!std::exchange(first, false)) out += "\n" + blanks(column);
    out += line;
  }
  return out + "\n";
}

std::string HelpFormatter::paragraph(const std::string& text) const {
  if (text.empty()) return {};
  std::string out;
  for (const std::string& line : terminal::wrap(tr(text), std::max(columns_, 2))) {
    out += line + "\n";
  }
  return out;
}

int help_columns() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

}  // namespace glmv::app
