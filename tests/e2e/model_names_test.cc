// Every command that takes a model takes its name.

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>

#include "glmv/checkpoint/gguf_for_test.h"
#include "tests/e2e/hub_program.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;
using testing::Not;

const std::string kShapes = std::string(GLMV_SOURCE_DIR) + "/examples/pictures/shapes.png";
const std::string kVideo = std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/cfr25.mp4";

class ModelNames : public HubProgram {
 protected:
  // Every command that runs a model in this process, in as little work as it can do.
  void expect_taken(const Words& model) {
    const std::string data = file("q.jsonl", "{\"prompt\": \"One?\"}\n");
    const std::string truth = file(
        "eval.jsonl", "{\"id\":\"a\",\"task\":\"t\",\"image\":\"" + kShapes +
                          "\",\"question\":\"How "
                          "many?\",\"answer\":\"1\",\"verifier\":\"exact\",\"think\":false}\n");
    const std::string requests = file(
        "requests.jsonl",
        R"({"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"Hi"}],"max_tokens":2}})"
        "\n");
    const Words short_answer = {"-n", "2", "--temp", "0"};
    const auto taken = [&](const Words& words, const Words& more = {}) {
      const Outcome outcome = run(join(join(words, model), more), {.timeout_s = 110});
      EXPECT_EQ(outcome.exit_code, 0) << words[0] << ": " << outcome.err;
    };
    taken({"ask", "Hi", "-q"}, short_answer);
    taken({"chat", "-p", "Hi"}, short_answer);
    taken({"batch", requests, path("answers.jsonl")});
    taken({"eval", truth}, {"--limit", "1"});
    taken({"doctor", "--port", "0", "--no-load"});
    taken({"video", kVideo, "-q", "What?", "--frames", "2", "--quiet"}, short_answer);
    taken({"bench-thinking", "--prompt", "One?", "--first_max_tokens", "2", "--force_max_tokens",
           "2", "--temperature", "0"});
    const Outcome ground =
        run(join(join({"ground", kShapes, "-q", "it", "--quiet"}, model), short_answer));
    EXPECT_EQ(ground.exit_code, 0) << ground.err;
    Serving server(model);
    EXPECT_EQ(server.ask({{"messages", {{{"role", "user"}, {"content", "Hi"}}}}, {"max_tokens", 2}})
                  .status,
              200);
  }
};

TEST_F(ModelNames, OfTheCache) {
  offer_tiny();
  ASSERT_EQ(run({"pull", "acme/tiny", "-q"}).exit_code, 0);
  expect_taken({"-m", "acme/tiny"});
  const Outcome quantised = run({"quantize", "acme/tiny", "-o", path("q"), "--method", "rtn",
                                 "--format", "compressed-tensors", "--bits", "8", "--group", "0"});
  // What tiny shapes do not allow is told of the model, not of its name.
  EXPECT_THAT(quantised.err, Not(HasSubstr("glmv pull")));
  EXPECT_THAT(quantised.err, Not(HasSubstr("no such")));
}

TEST_F(ModelNames, OfTheEmbeddedOne) {
  expect_taken({"-m", "nano"});
  EXPECT_EQ(run({"inspect", "nano"}).exit_code, 0);
  EXPECT_EQ(run({"plan", "nano", "--no-measure"}).exit_code, 0);
  // A folder of that name goes first.
  fs::create_directories(folder_ / "nano");
  expect_error(run({"ask", "-m", "nano", "Hi"}, {.folder = folder_.string()}), 3, "nano");
  expect_error(run({"rm", "nano", "--yes"}), 2, "part of the program");
}

TEST_F(ModelNames, OfTheEnvironment) {
  offer_tiny();
  ASSERT_EQ(run({"pull", "acme/tiny", "-q"}).exit_code, 0);
  for (const char* name : {"acme/tiny", "nano"}) {
    ::setenv("GLMV_MODEL", name, 1);
    const Outcome outcome = run({"ask", "Hi", "-q", "-n", "2", "--temp", "0"});
    EXPECT_EQ(outcome.exit_code, 0) << name << outcome.err;
    EXPECT_EQ(run({"video", kVideo}).exit_code, 0) << name;
  }
  ::setenv("GLMV_MODEL", "acme/none", 1);
  expect_error(run({"ask", "Hi"}), 3, "glmv pull acme/none");
  ::unsetenv("GLMV_MODEL");
}

// A repository of llama.cpp's files: its name leads to them.
TEST_F(ModelNames, OfAGgufFile) {
  for (const auto& entry : fs::directory_iterator(tiny())) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".safetensors")) hub.files[name] = {read(entry.path())};
  }
  checkpoint::testing::GgufBytes gguf;
  gguf.pair("general.architecture", std::string("glm4"));
  hub.files["tiny-F32.gguf"] = {gguf.bytes(), true};
  expect_error(run({"pull", "acme/tiny", "-q"}), 3, "tiny-F32.gguf");
  ASSERT_EQ(run({"pull", "acme/tiny", "-q", "--include", "*.json", "--include", "*.jinja",
                 "--include", "*.gguf"})
                .exit_code,
            0);
  EXPECT_THAT(run({"list"}).out, HasSubstr("ready"));
  const Outcome asked = run({"ask", "-m", "acme/tiny", "Hi"});
  EXPECT_NE(asked.exit_code, 0);
  // Of llama.cpp's two files this is one, and it is empty.
  EXPECT_THAT(asked.err, HasSubstr(model().string()));
  EXPECT_THAT(asked.err, HasSubstr("GGUF file of the vision tower"));
}

// All that a terminal of 60 columns gets to see of a pull.
TEST_F(ModelNames, APullDrawsOneLineOnATerminal) {
  offer_large(12 << 20);
  hub.faults.delay = std::chrono::milliseconds(8);
  winsize size{.ws_row = 24, .ws_col = 60};
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (pid == 0) {
    const int nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(nothing, 1);
    ::execl(GLMV_BINARY, GLMV_BINARY, "pull", "acme/tiny", "--connections", "1", nullptr);
    ::_exit(127);
  }
  std::string seen;
  char bytes[4096];
  for (ssize_t n = 0; (n = ::read(terminal, bytes, sizeof bytes)) > 0;) {
    seen.append(bytes, static_cast<size_t>(n));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(terminal);
  EXPECT_EQ(WEXITSTATUS(status), 0) << seen;
  // Drawn over itself, with files, share, rate and time, never wider than the terminal.
  const std::regex line(R"(\r\x1b\[K(\[\d/\d\] \d+ % of 12\.6 MB[^\r]*))");
  int num_lines = 0, num_rates = 0, num_names = 0;
  for (std::sregex_iterator it(seen.begin(), seen.end(), line), end; it != end; ++it) {
    const std::string text = (*it)[1];
    ++num_lines;
    num_rates += text.find("/s") != std::string::npos && text.find("left") != std::string::npos;
    num_names += text.find("model.safetensors") != std::string::npos;
    EXPECT_LT(text.size(), 60u) << text;
  }
  EXPECT_GT(num_lines, 3) << seen;
  EXPECT_GT(num_rates, 0) << seen;
  EXPECT_GT(num_names, 0) << seen;
  EXPECT_TRUE(seen.ends_with("\r\x1b[K")) << seen.substr(seen.size() > 100 ? seen.size() - 100 : 0);
}

}  // namespace
}  // namespace glmv::e2e
