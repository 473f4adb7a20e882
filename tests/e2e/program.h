#pragma once
// The glmv binary as a child process.

#include <sys/types.h>

#include <string>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::e2e {

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  bool timed_out = false;
  std::string out;
  std::string err;

  // Standard output as JSON; a failure of the running test where it is none.
  Json json() const;
};

struct RunOptions {
  std::string input;   // standard input; empty: /dev/null
  std::string folder;  // working folder; empty: this process's
  double timeout_s = 60;
  std::string output;         // standard output; empty: what Outcome has
  size_t max_file_bytes = 0;  // of a file that it writes, as if the disk were full then; 0: any
  std::string preload;        // a library that goes before the program's own; empty: none
  bool reader_gone = false;   // standard output is a pipe that nobody reads
};
RunOptions with_input(std::string input);

// A started program. Must be waited for.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments, const RunOptions& options = {});
  Process(const Process&) = delete;
  ~Process();

  void send(int signal) const;
  bool running();
  // It has a handler for the signal by now.
  bool catches(int signal) const;
  pid_t pid() const { return pid_; }
  // What it has written to standard output and standard error so far.
  std::string out() const;
  std::string err() const;
  // Kills it after the time limit.
  Outcome wait();

 private:
  bool reap(bool block);

  pid_t pid_ = -1;
  int status_ = 0;
  bool done_ = false;
  double timeout_s_ = 0;
  int out_ = -1;
  int err_ = -1;
};

Outcome run(const std::vector<std::string>& arguments, const RunOptions& options = {});

}  // namespace glmv::e2e
