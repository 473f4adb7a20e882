#include "glmv/base/limited_program.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "glmv/base/fd.h"
#include "glmv/base/landlock.h"

namespace glmv {
namespace {

namespace fs = std::filesystem;

class LimitedPrograms : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / fmt::format("glmv_limited_{}", ::getpid());
    fs::create_directories(folder_ / "own");
  }
  void TearDown() override { fs::remove_all(folder_); }

  LimitedProgram shell(const std::string& script) const {
    return {.command = {"/bin/sh", "-c", script},
            .folder = folder_ / "own",
            .limits = {.max_seconds = 20, .max_cpu_seconds = 10, .max_file_bytes = 1 << 20}};
  }
  ProgramEnd run(const LimitedProgram& program) {
    output_.clear();
    auto end = run_limited(program, [this](std::string_view text) {
      output_ += text;
      return true;
    });
    EXPECT_TRUE(end) << end.error().message;
    return end ? *end : ProgramEnd{};
  }

  fs::path folder_;
  std::string output_;
};

TEST_F(LimitedPrograms, GiveTheirOutput) {
  const ProgramEnd end = run(shell("echo hello; echo bad >&2; exit 3"));
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_EQ(output_, "hello\n");
  EXPECT_EQ(end.errors, "bad\n");
  LimitedProgram large{.command = {"/usr/bin/head", "-c", "5000000", "/dev/zero"}};
  EXPECT_EQ(run(large).exit_code, 0);
  EXPECT_EQ(output_.size(), 5'000'000u);
  // More than is kept.
  const ProgramEnd noisy =
      run(shell("i=0; while [ $i -lt 5000 ]; do echo error >&2; i=$((i+1)); done"));
  EXPECT_EQ(noisy.exit_code, 0);
  EXPECT_EQ(noisy.errors.size(), 8192u);
}

TEST_F(LimitedPrograms, SeeNothingOfOurs) {
  ::setenv("GLMV_SECRET_FOR_TEST", "1", 1);
  int leaked[2];
  ASSERT_EQ(::pipe(leaked), 0);  // not closed on exec
  run(
      shell("echo \"$GLMV_SECRET_FOR_TEST|$HOME|$PWD\"; for i in 3 4 5 6 7 8 9; do"
            " [ -e /proc/self/fd/$i ] && echo open $i; done; exit 0"));
  EXPECT_EQ(output_, "||" + (folder_ / "own").string() + "\n");
  ::close(leaked[0]);
  ::close(leaked[1]);
}

TEST_F(LimitedPrograms, ReadTheFileTheyAreGiven) {
  const Fd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "content\n", 8), 8);
  LimitedProgram program =
      shell(fmt::format("read x < {0}; read y < {0}; echo $x $y", kProgramFile));
  program.file = file.get();
  EXPECT_EQ(run(program).exit_code, 0);
  EXPECT_EQ(output_, "content content\n");
}

TEST_F(LimitedPrograms, ReachNoOtherProcess) {
  // No new ones, no signals, no network.
  EXPECT_NE(run(shell("/bin/ls /; echo after")).exit_code, 0);
  EXPECT_EQ(output_, "");
  EXPECT_NE(run(shell(fmt::format("kill -0 {}", ::getpid()))).exit_code, 0);
  if (fs::exists("/bin/bash")) {
    LimitedProgram bash = shell("");
    bash.command = {"/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"};
    EXPECT_NE(run(bash).errors.find("not permitted"), std::string::npos);
    bash.local_sockets = true;
    EXPECT_NE(run(bash).errors.find("not permitted"), std::string::npos);
  }
}

TEST_F(LimitedPrograms, WriteToTheirFolderOnly) {
  std::ofstream(folder_ / "secret") << "secret\n";
  EXPECT_EQ(run(shell("echo a > file; read x < file; echo $x")).exit_code, 0);
  EXPECT_EQ(output_, "a\n");
  if (landlock_rules({}) == nullptr) GTEST_SKIP() << "no Landlock here";
  EXPECT_NE(run(shell("read x < ../secret; echo $x; [ -n \"$x\" ]")).exit_code, 0);
  EXPECT_EQ(output_, "\n");
  EXPECT_NE(run(shell("echo a > ../made")).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "made"));
  EXPECT_NE(run(shell("read x < /proc/1/environ")).exit_code, 0);
  LimitedProgram allowed = shell("read x < ../secret; echo $x");
  allowed.readable = {folder_ / "secret", "/no/such/path"};
  EXPECT_EQ(run(allowed).exit_code, 0);
  EXPECT_EQ(output_, "secret\n");
}

TEST_F(LimitedPrograms, KeepToTheirLimits) {
  LimitedProgram endless = shell("while :; do :; done");
  endless.limits.max_seconds = 0.3;
  EXPECT_TRUE(run(endless).out_of_time);
  LimitedProgram sleeping{.command = {"/bin/sleep", "100"}, .limits = {.max_seconds = 0.3}};
  EXPECT_TRUE(run(sleeping).out_of_time);
  LimitedProgram busy = shell("while :; do :; done");
  busy.limits.max_cpu_seconds = 1;
  EXPECT_TRUE(run(busy).out_of_time);
  LimitedProgram hungry = shell("x=aaaaaaaa; while :; do x=$x$x; done");
  hungry.limits.max_memory_bytes = size_t{64} << 20;
  EXPECT_NE(run(hungry).exit_code, 0);
  EXPECT_EQ(run(shell("x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; x=$x$x$x$x; x=$x$x$x$x;"
                      " while :; do echo $x; done > file"))
                .signal,
            SIGXFSZ);
  EXPECT_EQ(fs::file_size(folder_ / "own/file"), size_t{1} << 20);
}

TEST_F(LimitedPrograms, EndWhenNobodyWantsThem) {
  int pieces = 0;
  const auto end = run_limited(shell("while :; do echo x; done"),
                               [&pieces](std::string_view) { return ++pieces < 3; });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kCancelled);
  // One that says nothing.
  const auto start = std::chrono::steady_clock::now();
  const auto spent = [start] { return std::chrono::steady_clock::now() - start; };
  const auto silent = run_limited(
      {.command = {"/bin/sleep", "15"}}, [](std::string_view) { return true; },
      [&] { return spent() < std::chrono::milliseconds(100); });
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kCancelled);
  EXPECT_LT(spent(), std::chrono::seconds(5));
}

TEST_F(LimitedPrograms, ThatAreNotThere) {
  const auto end =
      run_limited({.command = {"/no/such/program"}}, [](std::string_view) { return true; });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kNotFound);
  std::ofstream(folder_ / "broken") << "\x7f"
                                       "ELF no program";
  fs::permissions(folder_ / "broken", fs::perms::owner_all);
  LimitedProgram broken{.command = {(folder_ / "broken").string()}, .readable = {folder_}};
  EXPECT_EQ(run_limited(broken, [](std::string_view) { return true; }).error().code,
            Code::kUnavailable);
  EXPECT_EQ(find_program("sh")->filename(), "sh");
  EXPECT_EQ(find_program("no-such-program").error().code, Code::kNotFound);
}

TEST_F(LimitedPrograms, RunSideBySide) {
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        std::string output;
        const auto end =
            run_limited(shell(fmt::format("echo {}", t * 100 + i)), [&](std::string_view text) {
              output += text;
              return true;
            });
        if (end && end->exit_code == 0 && output == fmt::format("{}\n", t * 100 + i)) ++good;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 40);
}

}  // namespace
}  // namespace glmv
