// Completions for shells, from the options themselves. Words that a shell runs are our own names
// and the choices of options; texts of people appear as quoted descriptions only.

#include <fmt/format.h>

#include "apps/glmv/program_description.h"

namespace glmv::app {
namespace {

constexpr const char* kNames = "glmv list --names 2>/dev/null";

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string all_names(const std::vector<OptionDescription>& options) {
  std::string out;
  for (const OptionDescription& option : options) {
    if (!option.argument) out += (out.empty() ? "" : " ") + joined(option.names, " ");
  }
  return out;
}

// Inside of '...'.
std::string single_quoted(const std::string& text, const char* quote) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string(quote) : std::string(1, c);
  return out;
}

std::string for_zsh(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return single_quoted(out, "'\\''");
}

std::string for_fish(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return out;
}

std::string bash_action(const OptionDescription& option) {
  if (!option.choices.empty()) return fmt::format("_glmv_words '{}'", joined(option.choices, " "));
  if (option.type == "MODEL") return "_glmv_models";
  return option.is_number() ? "return 0" : "_glmv_files";
}

std::string zsh_action(const OptionDescription& option) {
  if (!option.choices.empty()) return "(" + joined(option.choices, " ") + ")";
  if (option.type == "MODEL") return "_glmv_models";
  return option.is_number() ? " " : "_files";
}

}  // namespace

std::string bash_completion(const ProgramDescription& program) {
  std::vector<std::string> commands;
  std::string cases, names, first;
  for (const CommandDescription& command : program.commands) {
    commands.push_back(command.name);
    for (const OptionDescription& option : command.options) {
      if (option.argument) {
        first += fmt::format("    {}) {} ;;\n", command.name, bash_action(option));
        break;
      }
    }
    for (const OptionDescription& option : command.options) {
      if (option.argument || !option.takes_value()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(command.name + "," + name);
      cases += fmt::format("    {}) {}; return ;;\n", joined(patterns, "|"), bash_action(option));
    }
    names +=
        fmt::format("      {}) _glmv_words '{}' ;;\n", command.name, all_names(command.options));
  }
  return fmt::format(R"sh(# bash completion for glmv, made by: glmv completion bash
_glmv_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }}
_glmv_files() {{ compopt -o default; COMPREPLY=(); }}
_glmv_models() {{
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -W "$({})" -- "$cur"; compgen -f -- "$cur")
}}
_glmv() {{
  local cur prev command= i
  cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${{COMP_WORDS[i]}} != -* ]]; then command=${{COMP_WORDS[i]}}; break; fi
  done
  if [[ -z $command ]]; then
    if [[ $cur == -* ]]; then _glmv_words '{}'; else _glmv_words '{}'; fi
    return
  fi
  case $command,$prev in
{}  esac
  if [[ $cur == -* ]]; then
    case $command in
{}    esac
    return
  fi
  case $command in
{}    *) _glmv_files ;;
  esac
}}
complete -F _glmv glmv
)sh",
                     kNames, all_names(program.options), joined(commands, " "), cases, names,
                     first);
}

std::string zsh_completion(const ProgramDescription& program) {
  std::string commands, cases;
  for (const CommandDescription& command : program.commands) {
    commands += fmt::format("    '{}:{}'\n", command.name, for_zsh(command.text));
    cases += fmt::format("    {})\n      _arguments -s", command.name);
    int place = 1;
    for (const OptionDescription& option : command.options) {
      if (option.argument) {
        const std::string where = option.repeatable ? "*" : std::to_string(place++);
        cases += fmt::format(" \\\n        '{}:{}:{}'", where, for_zsh(option.names[0]),
                             zsh_action(option));
        continue;
      }
      // Repeatable options stay on offer; of the others all spellings go together.
      const std::string all = option.repeatable ? "*" : "(" + joined(option.names, " ") + ")";
      const std::string spelled = option.names.size() == 1
                                      ? "'" + all + option.names[0]
                                      : "'" + all + "'{" + joined(option.names, ",") + "}'";
      cases += fmt::format(" \\\n        {}[{}]", spelled, for_zsh(option.text));
      if (option.takes_value()) {
        cases += fmt::format(":{}:{}", for_zsh(option.type), zsh_action(option));
      }
      cases += "'";
    }
    cases += "\n      ;;\n";
  }
  std::string own;
  for (const OptionDescription& option : program.options) {
    for (const std::string& name : option.names) {
      own += fmt::format(" \\\n    '{}[{}]'", name, for_zsh(option.text));
    }
  }
  return fmt::format(R"sh(#compdef glmv
# zsh completion for glmv, made by: glmv completion zsh
_glmv_models() {{
  local -a names
  names=(${{(f)"$({})"}})
  _alternative 'models:model:compadd -a names' 'files:file:_files'
}}
_glmv() {{
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
{}  )
  _arguments -C{} \
    '1:command:->command' '*::argument:->argument'
  case $state in
  command) _describe 'command' commands ;;
  argument)
    case $line[1] in
{}    esac
    ;;
  esac
}}
if [ "$funcstack[1]" = _glmv ]; then _glmv "$@"; else compdef _glmv glmv; fi
)sh",
                     kNames, commands, own, cases);
}

std::string fish_completion(const ProgramDescription& program) {
  std::string out = "# fish completion for glmv, made by: glmv completion fish\n";
  const std::string alone = "__fish_use_subcommand";
  const auto line = [&out](const std::string& condition, const OptionDescription& option) {
    out += fmt::format("complete -c glmv -n '{}'", condition);
    for (const std::string& name : option.names) {
      if (option.argument) break;
      out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!option.choices.empty()) {
      out += fmt::format(" -x -a '{}'", joined(option.choices, " "));
    } else if (option.type == "MODEL") {
      out += fmt::format(" {} -a '({})'", option.argument ? "-F" : "-r -F", kNames);
    } else if (option.takes_value() && !option.argument) {
      out += option.is_number() ? " -x" : " -r -F";
    }
    if (!option.argument) out += fmt::format(" -d '{}'", for_fish(option.text));
    out += "\n";
  };
  for (const OptionDescription& option : program.options) line(alone, option);
  for (const CommandDescription& command : program.commands) {
    out += fmt::format("complete -c glmv -f -n '{}' -a {} -d '{}'\n", alone, command.name,
                       for_fish(command.text));
  }
  for (const CommandDescription& command : program.commands) {
    for (const OptionDescription& option : command.options) {
      const bool completes = !option.argument || option.type == "MODEL" || !option.choices.empty();
      if (completes) line("__fish_seen_subcommand_from " + command.name, option);
    }
  }
  return out;
}

}  // namespace glmv::app
