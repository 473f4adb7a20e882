// One binary, one row per subcommand.

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/help_formatter.h"
#include "apps/glmv/help_pages.h"
#include "apps/glmv/standard_output.h"
#include "glmv/base/check.h"
#include "glmv/base/texts.h"
#include "glmv/tensor/activation_memory.h"

namespace {

struct CommandRow {
  const char* name;
  const char* group;
  const char* summary;
  glmv::app::AddCommand add;
};

constexpr CommandRow kCommands[] = {
    {"ask", "Use", "answer one question about pictures", glmv::app::add_ask},
    {"chat", "Use", "talk with a model in the terminal", glmv::app::add_chat},
    {"serve", "Use", "the OpenAI-compatible server", glmv::app::add_serve},
    {"batch", "Use", "a file of requests in OpenAI's form, answered without a server",
     glmv::app::add_batch},
    {"ground", "Use", "where things are on pictures, drawn and exported", glmv::app::add_ground},
    {"video", "Use", "contact sheets, timelines, tracks and highlights of videos",
     glmv::app::add_video},
    {"pull", "Models", "fetch a model from a hub", glmv::app::add_pull},
    {"list", "Models", "the models that are here", glmv::app::add_list},
    {"rm", "Models", "remove a model from the cache", glmv::app::add_rm},
    {"fix-html", "Use", "raw HTML in an answer gets a code fence", glmv::app::add_fix_html},
    {"doctor", "Look", "what this machine has for a model and what it lacks",
     glmv::app::add_doctor},
    {"plan", "Look", "memory and speed of a model from its config.json alone", glmv::app::add_plan},
    {"inspect", "Look", "describe a checkpoint and its problems", glmv::app::add_inspect},
    {"eval", "Look", "accuracy per task over a dataset file", glmv::app::add_eval},
    {"bench", "Look", "speed and memory of a model on this machine", glmv::app::add_bench},
    {"bench-thinking", "Look", "answers with a limit on the thought, in two rounds",
     glmv::app::add_bench_thinking},
    {"train", "Make", "fine-tune a checkpoint on dataset files", glmv::app::add_train},
    {"synth", "Make", "generated pictures with questions and answers", glmv::app::add_synth},
    {"convert", "Make", "a checkpoint in another dtype", glmv::app::add_convert},
    {"quantize", "Make", "a checkpoint with 4- or 8-bit weights", glmv::app::add_quantize},
    {"make-tiny", "Make", "a tiny random checkpoint of any family", glmv::app::add_make_tiny},
    {"completion", "Help", "completion of commands and options for a shell",
     glmv::app::add_completion},
    {"man", "Help", "the manual page", glmv::app::add_man},
    // Not for people: without a group, help does not show it.
    {"options", "", "the page of all options", glmv::app::add_options},
    {"decode-media", "", "the child of serve that decodes pictures", glmv::app::add_decode_media},
    {"decode-video", "", "the child that reads a video", glmv::app::add_decode_video},
    {"cut-video", "", "the child that copies a part of a video", glmv::app::add_cut_video},
};

// Where even standard error cannot be written nothing more is to be done.
void say(const std::string& text) noexcept { std::fputs((text + "\n").c_str(), stderr); }

// An unknown first word would otherwise only be told that a subcommand is missing.
int check_command(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return 0;
  std::string known;
  for (const CommandRow& row : kCommands) {
    if (std::string_view(argv[1]) == row.name) return 0;
    if (*row.group == 0) continue;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  say(glmv::tr_format("error: unknown command \"{}\"; known: {}", argv[1], known));
  return 2;
}

// "ask " of `glmv ask ...`.
std::string command_prefix(int argc, char** argv) {
  return argc < 2 || argv[1][0] == '-' ? std::string() : std::string(argv[1]) + " ";
}

int run(int argc, char** argv) {
  if (const int code = check_command(argc, argv); code != 0) return code;
  CLI::App app{"glmv: the GLM-V vision-language models, native"};
  app.formatter(std::make_shared<glmv::app::HelpFormatter>(glmv::app::help_columns()));
  app.set_help_flag("-h,--help", "Print this help message and exit");
  app.set_version_flag("--version", "glmv " GLMV_VERSION,
                       "Display program version information and exit");
  app.require_subcommand(1);
  int exit_code = 0;
  for (const CommandRow& row : kCommands) {
    CLI::App* command = app.add_subcommand(row.name, row.summary);
    command->group(row.group);
    row.add(*command, exit_code);
  }
  std::vector<std::string> words = glmv::app::with_bare_think(argc, argv);
  const glmv::app::HelpPage page = glmv::app::take_help_page(words);
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  try {
    app.parse(static_cast<int>(pointers.size()), pointers.data());
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
    return 0;
  } catch (const CLI::Success&) {
    const auto text = glmv::app::help_text(app, page);
    if (!text) return glmv::app::report(glmv::Result<void>(std::unexpected(text.error())));
    fmt::print("{}", *text);
    return 0;
  } catch (const CLI::ParseError& error) {
    say(glmv::tr_format("error: {}; see glmv {}--help", error.what(), command_prefix(argc, argv)));
    return glmv::exit_code(glmv::Code::kInvalidArgument);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const int internal = glmv::exit_code(glmv::Code::kInternal);
  glmv::tensor::keep_activation_memory();
  const auto report_bug = [](const char* what) {
    say(glmv::tr_format("internal error: {}\nPlease report this with the command you ran.", what));
  };
  try {
    const int code = run(argc, argv);
    // What did not fit where standard output goes to shows here at the latest.
    glmv::app::flush_output();
    return code;
  } catch (const glmv::InternalError& error) {
    report_bug(error.what());
  } catch (const c10::Error& error) {
    report_bug(error.what_without_backtrace());
  } catch (const std::system_error& error) {
    // What prints throws it.
    if (std::ferror(stdout) != 0) return glmv::app::report_output(error.code().value());
    if (std::ferror(stderr) != 0) return glmv::exit_code(glmv::Code::kResourceExhausted);
    report_bug(error.what());
  } catch (const std::bad_alloc&) {
    say(glmv::tr("error: out of memory; use a smaller picture (--max-pixels) or context"));
    return glmv::exit_code(glmv::Code::kResourceExhausted);
  }
  return internal;
}
