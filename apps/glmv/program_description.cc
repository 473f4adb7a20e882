#include "apps/glmv/program_description.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "glmv/base/texts.h"

namespace glmv::app {
namespace {

// "TEXT:{on,off,auto}" has choices, "INT:NONNEGATIVE" has none.
std::vector<std::string> choices_of(const std::string& type) {
  const size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

OptionDescription describe(const CLI::Option& option) {
  OptionDescription out;
  out.argument = option.get_positional() && !option.nonpositional();
  if (out.argument) {
    out.names = {option.get_name(/*positional=*/true)};
  } else {
    for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  }
  out.text = option.get_description();
  out.group = option.get_group() == "Options" ? "" : option.get_group();
  const bool flag = option.get_items_expected_max() == 0;
  if (!flag) {
    const std::string type = option.get_type_name();
    out.choices = choices_of(type);
    out.type = out.choices.empty() ? type.substr(0, type.find(':')) : "WORD";
    if (out.type.empty()) out.type = "TEXT";
  }
  if (!flag) out.default_value = option.get_default_str();
  if (out.default_value == "\"\"") out.default_value.clear();
  // Of a list, as it is written.
  if (out.default_value.starts_with('[') && out.default_value.ends_with(']')) {
    out.default_value = out.default_value.substr(1, out.default_value.size() - 2);
  }
  out.required = option.get_required();
  out.repeatable = !flag && option.get_expected_max() > 1;
  return out;
}

std::vector<OptionDescription> describe_options(const CLI::App& app) {
  std::vector<OptionDescription> out;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) out.push_back(describe(*option));
  }
  std::ranges::stable_partition(out, &OptionDescription::argument);
  return out;
}

// Everything that is written for people, but for what environment_variables() and exit_codes() say.
std::vector<std::string*> texts_of(ProgramDescription& program) {
  std::vector<std::string*> out{&program.text};
  const auto add = [&out](std::vector<OptionDescription>& options) {
    for (OptionDescription& option : options) {
      out.push_back(&option.text);
      out.push_back(&option.group);
    }
  };
  add(program.options);
  for (CommandDescription& command : program.commands) {
    for (std::string* text : {&command.text, &command.group, &command.footer}) out.push_back(text);
    add(command.options);
  }
  return out;
}

}  // namespace

bool OptionDescription::is_number() const {
  return type == "INT" || type == "UINT" || type == "FLOAT" || type == "NUMBER";
}

ProgramDescription describe_program(const CLI::App& command) {
  const CLI::App* root = &command;
  while (root->get_parent() != nullptr) root = root->get_parent();
  ProgramDescription out{.name = "glmv", .text = root->get_description()};
  out.options = describe_options(*root);
  for (const CLI::App* one : root->get_subcommands([](const CLI::App*) { return true; })) {
    if (one->get_group().empty()) continue;
    out.commands.push_back({one->get_name(), one->get_group(), one->get_description(),
                            one->get_footer(), describe_options(*one)});
  }
  return out;
}

ProgramDescription translated(ProgramDescription program) {
  for (std::string* text : texts_of(program)) *text = tr(*text);
  return program;
}

std::string untranslated_lines(const ProgramDescription& program) {
  ProgramDescription copy = program;
  std::set<std::string> texts;
  for (const std::string* text : texts_of(copy)) texts.insert(*text);
  for (const EnvironmentVariable& variable : environment_variables()) texts.insert(variable.text);
  for (const ExitCode& code : exit_codes()) texts.insert(code.text);
  texts.erase("");
  std::string lines;
  for (const std::string& text : texts) {
    if (!catalogue(Language::kChinese).contains(text)) lines += for_catalogue(text) + "\t\n";
  }
  return lines;
}

const std::vector<EnvironmentVariable>& environment_variables() {
  static const std::vector<EnvironmentVariable> kVariables = {
      {"GLMV_MODEL", "the model of commands that are given none: a folder, or a name in the cache"},
      {"GLMV_LANG",
       "language of help and messages: zh or en (default: that of LC_ALL, LC_MESSAGES, LANG)"},
      {"HF_ENDPOINT", "address of the hub that models come from (https://huggingface.co)"},
      {"HF_HOME", "where the cache of models and the token file lie (~/.cache/huggingface)"},
      {"HF_HUB_CACHE", "where the cache of models lies (hub below HF_HOME)"},
      {"HF_HUB_OFFLINE", "1: nothing is asked of the hub"},
      {"HF_TOKEN", "token for models that are not public; else that of the token file"},
      {"HF_TOKEN_PATH", "the token file (token below HF_HOME)"},
      {"HTTPS_PROXY", "proxy on the way to the hub, except to hosts in NO_PROXY; as curl has them"},
      {"SSL_CERT_FILE", "certificates to trust instead of the system's, a PEM file"},
      {"NO_COLOR", "set: no colours"},
      {"GLMV_FORCE_ISA", "kernels for that instruction set, for tests"},
  };
  return kVariables;
}

const std::vector<ExitCode>& exit_codes() {
  static const std::vector<ExitCode> kCodes = {
      {"0", "done"},
      {"1", "problems were found, or nothing fits; see the command"},
      {"2", "malformed input"},
      {"3", "a file, name or folder does not exist"},
      {"4", "well formed, but not something glmv can do"},
      {"5", "memory, disk or a limit"},
      {"7", "a device or peer does not answer"},
      {"8", "a bug of glmv"},
      {"130", "stopped by Ctrl-C"},
  };
  return kCodes;
}

}  // namespace glmv::app
