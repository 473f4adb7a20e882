// What is printed must arrive: full disks, readers that are gone, terminals.

#include <csignal>

#include "glmv/net/scripted_server_for_test.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/terminal.h"

namespace glmv::e2e {
namespace {

const std::string kNano = std::string(GLMV_SOURCE_DIR) + "/models/nano";

class Output : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    ::setenv("HF_HOME", path("hf").c_str(), 1);
    ::setenv("XDG_STATE_HOME", path("state").c_str(), 1);
    ::unsetenv("GLMV_MODEL");
  }
};

RunOptions full_disk(std::string input = {}) {
  return {.input = std::move(input), .output = "/dev/full"};
}

struct FullDiskCase {
  Words words;
  std::string input;
  int exit_code = 5;
};

void expect_full_disks(const std::vector<FullDiskCase>& cases) {
  for (const FullDiskCase& row : cases) {
    SCOPED_TRACE(row.words[0] + " " + row.words.back().substr(0, 40));
    const Outcome outcome = run(row.words, full_disk(row.input));
    EXPECT_EQ(outcome.signal, 0);
    EXPECT_EQ(outcome.exit_code, row.exit_code) << outcome.err;
    EXPECT_THAT(outcome.err,
                HasSubstr("error: standard output cannot be written: No space left on device\n"));
  }
}

TEST_F(Output, AFullDiskIsSaidByEveryCommand) {
  expect_full_disks({
      {{"--help"}},
      {{"--version"}},
      {{"ask", "--help"}},
      {{"options", "--markdown"}},
      {{"man"}},
      {{"completion", "bash"}},
      {{"list", "--json"}},
      {{"plan", kNano, "--no-measure"}},
      {{"inspect", kNano}},
      {{"doctor", "--no-load", "--json"}},
      {{"fix-html"}, "<div>text</div>"},
      {{"ground", golden_picture("rgb.png"), "--from", "[[1,2,300,400]]"}},
  });
}

TEST_F(Output, AFullDiskIsSaidByThoseThatAsk) {
  const std::string long_question(2000, 'x');  // its ids fill more than a buffer
  const std::string script = file("script", "/set\n");
  expect_full_disks({
      {{"ask", "-m", kNano, "--temp", "0", "-n", "2", "-q", "--think", "off", "--", "Hello"}},
      {{"ask", "-m", kNano, "--temp", "0", "-n", "2", "-q", "--no-stream", "--", "Hello"}},
      {{"ask", "-m", kNano, "--temp", "0", "-n", "2", "--json", "--", "Hello"}},
      {{"ask", "-m", tiny(), "--temp", "0", "-n", "2", "--json", "--", long_question}},
      {{"chat", "-m", kNano, "--temp", "0", "-n", "2", "-p", "Hello"}, "", 1},
      {{"chat", "-m", kNano, "--temp", "0", "-n", "2", "--format", "json", "-p", "Hello"}, "", 1},
      {{"chat", "-m", kNano, "-q", "--script", script}, "", 1},
  });
}

TEST_F(Output, AReaderThatIsGoneIsNoError) {
  const RunOptions gone{.reader_gone = true};
  for (const Words& words :
       {Words{"man"}, Words{"chat", "-m", kNano, "-n", "2", "-p", "Hello"},
        Words{"ask", "-m", kNano, "-n", "2", "-q", "--think", "off", "--", "Hello"}}) {
    const Outcome outcome = run(words, gone);
    EXPECT_TRUE(outcome.signal == SIGPIPE || outcome.exit_code > 0) << words[0];
    EXPECT_EQ(outcome.err, "") << words[0];
  }
}

// A server whose model writes what terminals obey: a title, a colour, and what erases the screen.
const std::string kHostile =
    "a\x1b]0;title\x07\x1b[31mred\x1b[2J\xc2\x9b"
    "2Jb";

class HostileModel : public Output {
 protected:
  net::ScriptedServer server_{
      [](const net::ScriptedServer::Peer& peer, const net::ScriptedServer::Request& request) {
        if (request.head.starts_with("GET")) return answer_models(peer);
        answer_text(peer, {kHostile});
      }};
};

TEST_F(HostileModel, ATerminalObeysNothingOfTheModels) {
  const std::string url = server_.url();
  const std::string answer = file("answer.txt", "0:00 " + kHostile + "\n0:01 next\n");
  const std::string video = std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/cfr25.mp4";
  for (const Words& words :
       {Words{"ask", "-m", url, "--", "Hello"}, Words{"ask", "-m", url, "--no-stream", "--", "x"},
        Words{"ask", "-m", url, "--raw", "--", "x"}, Words{"chat", "-m", url, "-p", "Hello"},
        Words{"ground", golden_picture("rgb.png"), "-m", url, "-q", "the cup", "--retries", "0"},
        Words{"video", video, "--timeline", "--from", answer}}) {
    SCOPED_TRACE(words[0] + " " + words[1] + " " + words[3]);
    const auto terminal = on_terminal(words);
    EXPECT_NE(terminal->ends(60'000), -1);
    const std::string& raw = terminal->screen().raw;
    EXPECT_EQ(raw.find("\x1b]"), raw.npos);
    EXPECT_EQ(raw.find("\x1b[31m"), raw.npos);
    EXPECT_EQ(raw.find("\x1b[2J"), raw.npos);
    EXPECT_EQ(raw.find("\xc2\x9b"), raw.npos);
    EXPECT_THAT(raw, HasSubstr("^[[31mred"));
  }
  // Files and pipes get what was written.
  EXPECT_EQ(run({"ask", "-m", url, "-q", "--", "Hello"}).out, kHostile + "\n");
  EXPECT_EQ(run({"chat", "-m", url, "-p", "Hello"}).out, kHostile + "\n");
}

}  // namespace
}  // namespace glmv::e2e
