#include "tests/e2e/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace glmv::e2e {
namespace {

using Clock = std::chrono::steady_clock;

// A file without a name: output goes there, so that no pipe can fill up.
int memory_file(const std::string& content) {
  const int file = ::memfd_create("glmv-e2e", MFD_CLOEXEC);
  if (!content.empty() && ::pwrite(file, content.data(), content.size(), 0) < 0) return -1;
  return file;
}

std::string content_of(int file) {
  struct stat status{};
  ::fstat(file, &status);
  std::string content(static_cast<size_t>(status.st_size), '\0');
  const ssize_t size = ::pread(file, content.data(), content.size(), 0);
  content.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return content;
}

[[noreturn]] void become(char* const* arguments, const RunOptions& options, int in, int out,
                         int err) {
  ::dup2(in, 0);
  ::dup2(options.output.empty() ? out : ::open(options.output.c_str(), O_WRONLY | O_CLOEXEC), 1);
  ::dup2(err, 2);
  if (!options.preload.empty()) ::setenv("LD_PRELOAD", options.preload.c_str(), 1);
  if (options.max_file_bytes > 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{options.max_file_bytes, options.max_file_bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
  ::execv(GLMV_BINARY, arguments);
  ::_exit(127);
}

}  // namespace

RunOptions with_input(std::string input) {
  RunOptions options;
  options.input = std::move(input);
  return options;
}

Json Outcome::json() const {
  Json value = Json::parse(out, nullptr, false);
  EXPECT_FALSE(value.is_discarded()) << "no JSON: " << out << "\n" << err;
  return value.is_discarded() ? Json::object() : value;
}

Process::Process(const std::vector<std::string>& arguments, const RunOptions& options)
    : timeout_s_(options.timeout_s), out_(memory_file("")), err_(memory_file("")) {
  std::vector<std::string> words = {GLMV_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int in = options.input.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                                       : memory_file(options.input);
  int out = out_;
  int pipe[2] = {-1, -1};
  if (options.reader_gone && ::pipe2(pipe, O_CLOEXEC) == 0) {
    ::close(pipe[0]);
    out = pipe[1];
  }
  pid_ = ::fork();
  if (pid_ == 0) become(pointers.data(), options, in, out, err_);
  ::close(in);
  if (out != out_) ::close(out);
}

Process::~Process() {
  if (pid_ > 0 && !done_) {
    send(SIGKILL);
    reap(true);
  }
  ::close(out_);
  ::close(err_);
}

void Process::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

bool Process::reap(bool block) {
  if (!done_) done_ = ::waitpid(pid_, &status_, block ? 0 : WNOHANG) == pid_;
  return done_;
}

bool Process::catches(int signal) const {
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string word; status >> word;) {
    if (word != "SigCgt:") continue;
    uint64_t mask = 0;
    status >> std::hex >> mask;
    return (mask >> (signal - 1) & 1) != 0;
  }
  return false;
}

bool Process::running() { return !reap(false); }
std::string Process::out() const { return content_of(out_); }
std::string Process::err() const { return content_of(err_); }

Outcome Process::wait() {
  Outcome outcome;
  const auto end = Clock::now() + std::chrono::duration<double>(timeout_s_);
  while (running() && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  if (running()) {
    outcome.timed_out = true;
    ADD_FAILURE() << "still running after " << timeout_s_ << " s";
    send(SIGKILL);
    reap(true);
  }
  outcome.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  outcome.signal = WIFSIGNALED(status_) ? WTERMSIG(status_) : 0;
  outcome.out = out();
  outcome.err = err();
  return outcome;
}

Outcome run(const std::vector<std::string>& arguments, const RunOptions& options) {
  return Process(arguments, options).wait();
}

}  // namespace glmv::e2e
