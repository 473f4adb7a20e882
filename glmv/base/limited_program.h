#pragma once
// A program of somebody else, run to its end on input that nobody vouches for.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/base/wanted.h"

namespace glmv {

struct ProgramLimits {
  double max_seconds = 60;                    // on the clock
  double max_cpu_seconds = 60;                // of all its threads
  size_t max_memory_bytes = size_t{1} << 30;  // addresses
  size_t max_file_bytes = 0;                  // of a file that it writes
};

// It has no network, starts no other program, sends no signals, sees none of our variables and open
// files; where the kernel has Landlock it reads only what belongs to the system (programs,
// libraries, fonts), `readable` and `folder`.
struct LimitedProgram {
  std::vector<std::string> command;      // its path, then its arguments
  std::vector<std::string> environment;  // "NAME=VALUE", beside what a loader needs
  std::vector<std::filesystem::path> readable;
  std::filesystem::path folder;  // where it runs and may write; empty: nowhere
  int file = -1;                 // open here; to be read there at kProgramFile
  bool local_sockets = false;    // sockets of this machine can be made, but lead nowhere
  ProgramLimits limits;
};

inline constexpr char kProgramFile[] = "/proc/self/fd/4";

struct ProgramEnd {
  int exit_code = -1;  // -1: it was ended by a signal
  int signal = 0;
  bool out_of_time = false;
  std::string errors;  // what it wrote to standard error, the first 8 KB
};

// Blocks until it ends. `on_output` gets what it writes to standard output, as it comes; false from
// it or from `wanted` ends the program (cancelled). Errors: not_found (no such program),
// unavailable (it cannot be started), cancelled.
Result<ProgramEnd> run_limited(const LimitedProgram& program,
                               const std::function<bool(std::string_view)>& on_output,
                               const Wanted& wanted = {});

// The path of a program in PATH. Errors: not_found.
Result<std::filesystem::path> find_program(std::string_view name);

}  // namespace glmv
