#pragma once
// What the program's commands and their options are, read from CLI11: the one source of
// completions, manual page and configuration page.

#include <string>
#include <vector>

#include "apps/glmv/cli_forward.h"

namespace glmv::app {

struct OptionDescription {
  std::vector<std::string> names;  // with their dashes; of an argument its one name, without
  std::string text;
  std::string group;                 // empty: options that stand for themselves
  std::string type;                  // "INT", "MODEL", "TEXT"...; empty for flags
  std::string default_value;         // empty: none, or none that is worth showing
  std::vector<std::string> choices;  // when it takes one of few words
  bool argument = false;             // by its place
  bool required = false;
  bool repeatable = false;

  bool takes_value() const { return !type.empty(); }
  // Numbers have nothing to complete.
  bool is_number() const;
};

struct CommandDescription {
  std::string name, group, text, footer;
  std::vector<OptionDescription> options;  // arguments first
};

struct ProgramDescription {
  std::string name, text;
  std::vector<OptionDescription> options;
  std::vector<CommandDescription> commands;  // hidden ones left out, in the order of the table
};

// `command`: any one of the program's. In English.
ProgramDescription describe_program(const CLI::App& command);
// Its texts in the language of the environment.
ProgramDescription translated(ProgramDescription program);
// Lines for glmv/base/texts/zh.tsv, of all texts of help and manual page that are not there.
std::string untranslated_lines(const ProgramDescription& program);

// Variables of the environment that change what commands do.
struct EnvironmentVariable {
  const char *name, *text;
};
const std::vector<EnvironmentVariable>& environment_variables();

struct ExitCode {
  const char *number, *text;
};
const std::vector<ExitCode>& exit_codes();

// The three ways to show it.
std::string bash_completion(const ProgramDescription& program);
std::string zsh_completion(const ProgramDescription& program);
std::string fish_completion(const ProgramDescription& program);
std::string manual_page(const ProgramDescription& program, const std::string& version);
std::string configuration_page(const ProgramDescription& program);

}  // namespace glmv::app
