// The manual page and the page of options, from the options themselves.

#include <fmt/format.h>

#include <algorithm>

#include "apps/glmv/program_description.h"
#include "glmv/base/texts.h"

namespace glmv::app {
namespace {

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string for_roff(const std::string& text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '\n') {
      out += "\n.br\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string value_of(const OptionDescription& option) {
  return option.choices.empty() ? option.type : joined(option.choices, "|");
}

std::string roff_option(const OptionDescription& option) {
  std::string head;
  for (const std::string& name : option.names) {
    head += (head.empty() ? "\\fB" : ", \\fB") + for_roff(name) + "\\fR";
  }
  if (!option.argument && option.takes_value()) {
    head += " \\fI" + for_roff(value_of(option)) + "\\fR";
  }
  std::string text = for_roff(option.text.empty() ? tr("as its name says") : option.text);
  if (option.required) text += tr("; required");
  if (!option.default_value.empty()) text += fmt::format(" [{}]", for_roff(option.default_value));
  return ".TP\n" + head + "\n" + text + "\n";
}

// Calls `heading` before the first option of each group. That there is help need not be said again.
template <class Heading, class Each>
void by_group(std::vector<OptionDescription> options, Heading heading, Each each) {
  std::erase_if(options,
                [](const OptionDescription& option) { return option.names.back() == "--help"; });
  std::vector<std::string> groups;
  for (const OptionDescription& option : options) {
    if (std::ranges::find(groups, option.group) == groups.end()) groups.push_back(option.group);
  }
  for (const std::string& group : groups) {
    heading(group);
    for (const OptionDescription& option : options) {
      if (option.group == group) each(option);
    }
  }
}

std::string synopsis(const CommandDescription& command) {
  std::string out;
  for (const OptionDescription& option : command.options) {
    if (!option.argument) continue;
    const std::string name = option.names[0] + (option.repeatable ? "..." : "");
    out += option.required ? " " + name : " [" + name + "]";
  }
  return out;
}

// Inside of a cell of a table.
std::string for_cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') {
      out += "\\|";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '\n') {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string manual_page(const ProgramDescription& program, const std::string& version) {
  const auto heading = [](const std::string& text) { return ".SH " + text + "\n"; };
  std::string out =
      fmt::format(".TH GLMV 1 \"\" \"glmv {}\" \"{}\"\n", version, tr("User Commands"));
  out += heading(tr("NAME"));
  out += fmt::format("glmv \\- {}\n", for_roff(program.text.substr(program.text.find(": ") + 2)));
  out += heading(tr("SYNOPSIS"));
  out += fmt::format(".B glmv\n.I {}\n{}\n", tr("command"), tr("[options] [arguments]"));
  out += heading(tr("DESCRIPTION"));
  out += for_roff(tr("Asks, serves, measures and trains the GLM-V vision-language models. "
                     "Answers go to standard output, everything else to standard error.")) +
         "\n";
  out += heading(tr("OPTIONS"));
  for (const OptionDescription& option : program.options) out += roff_option(option);
  out += heading(tr("COMMANDS"));
  for (const CommandDescription& command : program.commands) {
    out += fmt::format(".SS \"glmv {}{}\"\n{}\n", for_roff(command.name),
                       for_roff(synopsis(command)), tr_format("{}.", for_roff(command.text)));
    by_group(
        command.options,
        [&out](const std::string& group) {
          if (!group.empty()) out += ".PP\n.I \"" + for_roff(group) + "\"\n";
        },
        [&out](const OptionDescription& option) { out += roff_option(option); });
    if (!command.footer.empty()) out += ".PP\n" + for_roff(command.footer) + "\n";
  }
  out += heading(tr("ENVIRONMENT"));
  for (const EnvironmentVariable& variable : environment_variables()) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", variable.name, for_roff(tr(variable.text)));
  }
  out += heading(tr("EXIT STATUS"));
  for (const ExitCode& code : exit_codes()) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", code.number, for_roff(tr(code.text)));
  }
  return out;
}

std::string configuration_page(const ProgramDescription& program) {
  std::string out =
      "# Configuration\n\n"
      "<!-- Made by: glmv options --markdown > docs/configuration.md -->\n\n"
      "Every command with all of its options, as `glmv COMMAND --help-all` shows them. What they "
      "mean "
      "together: [cli.md](cli.md).\n\n"
      "## Environment\n\n| variable | meaning |\n|---|---|\n";
  for (const EnvironmentVariable& variable : environment_variables()) {
    out += fmt::format("| `{}` | {} |\n", variable.name, for_cell(variable.text));
  }
  for (const CommandDescription& command : program.commands) {
    out += fmt::format("\n## glmv {}\n\n`glmv {}{}`: {}.\n", command.name, command.name,
                       synopsis(command), for_cell(command.text));
    by_group(
        command.options,
        [&out](const std::string& group) {
          out += fmt::format("\n{}| option | default | meaning |\n|---|---|---|\n",
                             group.empty() ? "" : "**" + for_cell(group) + "**\n\n");
        },
        [&out](const OptionDescription& option) {
          std::vector<std::string> names;
          for (const std::string& name : option.names) names.push_back("`" + name + "`");
          const bool shows_type = option.takes_value() && !option.argument;
          out +=
              fmt::format("| {}{} | {} | {} |\n", joined(names, ", "),
                          shows_type ? " " + for_cell(value_of(option)) : "",
                          option.default_value.empty() ? option.required ? "required" : ""
                                                       : "`" + for_cell(option.default_value) + "`",
                          for_cell(option.text));
        });
    if (!command.footer.empty()) out += "\n" + for_cell(command.footer) + "\n";
  }
  return out;
}

}  // namespace glmv::app
