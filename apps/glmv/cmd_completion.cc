// glmv completion, glmv man, and the hidden glmv options: what the program says of itself.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "apps/glmv/command.h"
#include "apps/glmv/program_description.h"

namespace glmv::app {

void add_completion(CLI::App& command, int& exit_code) {
  auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command.footer(
      "For this session: source <(glmv completion bash), source <(glmv completion zsh), "
      "glmv completion fish | source. For good: docs/cli.md.");
  command.callback([&command, shell, &exit_code] {
    const ProgramDescription program = translated(describe_program(command));
    fmt::print("{}", *shell == "bash"  ? bash_completion(program)
                     : *shell == "zsh" ? zsh_completion(program)
                                       : fish_completion(program));
    exit_code = 0;
  });
}

void add_man(CLI::App& command, int& exit_code) {
  command.footer("Read it with: glmv man | man -l -");
  command.callback([&command, &exit_code] {
    fmt::print("{}", manual_page(translated(describe_program(command)), GLMV_VERSION));
    exit_code = 0;
  });
}

void add_options(CLI::App& command, int& exit_code) {
  auto markdown = std::make_shared<bool>(false), untranslated = std::make_shared<bool>(false);
  command.add_flag("--markdown", *markdown, "docs/configuration.md");
  command.add_flag("--untranslated", *untranslated, "lines that glmv/base/texts/zh.tsv lacks");
  command.require_option(1);
  command.callback([&command, untranslated, &exit_code] {
    const ProgramDescription program = describe_program(command);
    fmt::print("{}", *untranslated ? untranslated_lines(program) : configuration_page(program));
    exit_code = 0;
  });
}

}  // namespace glmv::app
