#pragma once
// What every subcommand shares: registration, error reporting, interruption.

#include <atomic>
#include <filesystem>
#include <string>

#include "apps/glmv/cli_forward.h"
#include "glmv/base/result.h"
#include "glmv/hub/cache.h"

namespace glmv::app {

// Exit codes besides those of Status: 0 ok, 1 not all samples were right or well-formed, 130
// interrupted.
inline constexpr int kExitInterrupted = 130;

// Every cmd_*.cc offers one function of this form: adds its flags to `command`, and a callback that
// does the work and sets `exit_code`.
using AddCommand = void (*)(CLI::App& command, int& exit_code);

void add_ask(CLI::App& command, int& exit_code);
void add_chat(CLI::App& command, int& exit_code);
void add_serve(CLI::App& command, int& exit_code);
void add_inspect(CLI::App& command, int& exit_code);
void add_eval(CLI::App& command, int& exit_code);
void add_train(CLI::App& command, int& exit_code);
void add_bench(CLI::App& command, int& exit_code);
void add_make_tiny(CLI::App& command, int& exit_code);
void add_convert(CLI::App& command, int& exit_code);
void add_synth(CLI::App& command, int& exit_code);
void add_quantize(CLI::App& command, int& exit_code);
void add_doctor(CLI::App& command, int& exit_code);
void add_plan(CLI::App& command, int& exit_code);
void add_batch(CLI::App& command, int& exit_code);
void add_ground(CLI::App& command, int& exit_code);
void add_video(CLI::App& command, int& exit_code);
void add_pull(CLI::App& command, int& exit_code);
void add_list(CLI::App& command, int& exit_code);
void add_rm(CLI::App& command, int& exit_code);
void add_completion(CLI::App& command, int& exit_code);
void add_man(CLI::App& command, int& exit_code);
void add_options(CLI::App& command, int& exit_code);
void add_bench_thinking(CLI::App& command, int& exit_code);
void add_fix_html(CLI::App& command, int& exit_code);
void add_decode_media(CLI::App& command, int& exit_code);
void add_decode_video(CLI::App& command, int& exit_code);
void add_cut_video(CLI::App& command, int& exit_code);

// Prints "error: ..." on stderr for an error; the exit code either way.
int report(const Result<void>& result);
int report(const Result<int>& result);

// The log of a server (ServerOptions::on_failure): a line on stderr with what no client is told.
void print_failure(const std::string& request_id, const std::string& detail);

// Set by SIGINT and SIGTERM once catch_interrupts() was called; a second signal ends the process.
void catch_interrupts();
bool interrupted();
void clear_interrupt();

// SIGHUP as a request (to open logs anew), once catch_hangups() was called; true once for each.
void catch_hangups();
bool took_hangup();

// Under which the embedded model can be named.
inline constexpr char kEmbeddedName[] = "nano";

// The checkpoint folder to use: `given`, else $GLMV_MODEL, else the embedded model. What is no path
// may be the embedded model's name or that of a model in the cache, OWNER/NAME[@REVISION];
// not_found says how to get it.
Result<std::filesystem::path> model_folder(const std::string& given,
                                           hub::ModelUse use = hub::ModelUse::kWeights);
// nullopt: this program came without one.
std::optional<std::filesystem::path> embedded_model();

// Bytes as "1.3 GB", seconds as "2 min 05 s".
std::string bytes_text(double bytes);
std::string duration_text(double seconds);

}  // namespace glmv::app
