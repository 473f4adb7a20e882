// glmv quantize ended by SIGKILL at chosen moments: the next run goes on, and the folder is that of
// a run without a kill, byte for byte.

#include <sys/inotify.h>
#include <unistd.h>

#include <csignal>
#include <map>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

// Names that appear in a folder: created, or moved to.
class FolderEvents {
 public:
  explicit FolderEvents(const std::string& folder) : fd_(::inotify_init1(IN_CLOEXEC)) {
    ::inotify_add_watch(fd_, folder.c_str(), IN_CREATE | IN_MOVED_TO);
  }
  FolderEvents(const FolderEvents&) = delete;
  ~FolderEvents() { ::close(fd_); }

  // Blocks until a name that begins so appears. False at the end of the events of `last`.
  bool wait_for(const std::string& prefix, const std::string& last) {
    alignas(inotify_event) char buffer[1 << 14];
    while (true) {
      const ssize_t size = ::read(fd_, buffer, sizeof buffer);
      if (size <= 0) return false;
      for (ssize_t at = 0; at < size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        const std::string name = event->len > 0 ? event->name : "";
        if (name.starts_with(prefix)) return true;
        if (name == last) return false;
        at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      }
    }
  }

 private:
  int fd_;
};

constexpr const char* kLastFile = "quantize_report.png";

std::map<std::string, std::string> content_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = read(entry.path());
  }
  return files;
}

Words command(const std::string& model, const std::string& output, const std::string& method) {
  return {"quantize", model,       "-o",   output,           "--group",
          "32",       "--method",  method, "--synth",        "full",
          "-q",       "--samples", "6",    "--eval-samples", "2"};
}

TEST_F(Program, QuantizeKilledAtAnyMomentGoesOn) {
  const std::string model = tiny();
  ASSERT_EQ(run(command(model, path("whole"), "awq")).exit_code, 0);
  const auto whole = content_of(path("whole"));
  ASSERT_TRUE(whole.contains(kLastFile));
  int number = 0;
  for (const char* moment :
       {".quantize.json.tmp", ".model-00002-of-00004.safetensors.tmp",
        "model-00002-of-00004.safetensors", ".model-00004-of-00004.safetensors.tmp",
        ".model-00001-of-00004.safetensors.tmp", ".model.safetensors.index.json.tmp",
        ".tokenizer.json.tmp", ".config.json.tmp", "config.json", ".quantize_report.json.tmp",
        ".quantize_report.png.tmp"}) {
    SCOPED_TRACE(moment);
    const std::string output = path("killed" + std::to_string(number++));
    std::filesystem::create_directory(output);
    FolderEvents events(output);
    Process process(command(model, output, "awq"));
    ASSERT_TRUE(events.wait_for(moment, kLastFile));
    process.send(SIGKILL);
    process.wait();
    // What is there without config.json does not load; with it, it is whole.
    if (std::filesystem::exists(output + "/config.json")) {
      EXPECT_EQ(run({"inspect", output, "--json"}).exit_code, 0);
    }
    const Outcome again = run(command(model, output, "awq"));
    EXPECT_EQ(again.exit_code, 0) << again.err;
    const auto resumed = content_of(output);
    EXPECT_EQ(resumed.size(), whole.size());
    for (const auto& [name, bytes] : whole) {
      ASSERT_TRUE(resumed.contains(name)) << name;
      EXPECT_TRUE(resumed.at(name) == bytes) << name << " differs";
    }
    std::filesystem::remove_all(output);
  }
}

TEST_F(Program, OneQuantizeAtATimeWritesAFolder) {
  const std::string model = tiny();
  std::filesystem::create_directory(path("q"));
  FolderEvents events(path("q"));
  Process process(command(model, path("q"), "gptq"));
  ASSERT_TRUE(events.wait_for("quantize.json", kLastFile));
  process.send(SIGSTOP);
  expect_error(run(command(model, path("q"), "gptq")), 2, "another glmv quantize");
  process.send(SIGCONT);
  const Outcome first = process.wait();
  EXPECT_EQ(first.exit_code, 0) << first.err;
}

}  // namespace
}  // namespace glmv::e2e
