#pragma once
// --help in the language of the environment, in two columns. Lines are broken to the width of the
// terminal, else to that of most.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace glmv::app {

class HelpFormatter final : public CLI::Formatter {
 public:
  // columns: to break lines at.
  explicit HelpFormatter(int columns);

  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_footer(const CLI::App* app) const override;

 private:
  std::string row(const std::string& name, const std::string& text) const;
  std::string paragraph(const std::string& text) const;

  const int columns_;
};

// Of standard output; 80 where it is no terminal.
int help_columns();

}  // namespace glmv::app
