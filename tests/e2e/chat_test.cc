// glmv chat where nobody sits at a terminal: pipes, scripts, sessions, exit codes. What is drawn on
// a terminal is tested in glmv/terminal.

#include <filesystem>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

class ChatProgram : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    ::setenv("XDG_STATE_HOME", path("state").c_str(), 1);
  }
  Words chat(const Words& more) const {
    return join({"chat", "-m", tiny(), "--temp", "0", "-n", "4"}, more);
  }
};

TEST_F(ChatProgram, OneAnswerThroughAPipeHasNoEscapeSequence) {
  const std::string picture = golden_picture("rgb_420.jpg");
  const Outcome flag = run(chat({"-i", picture, "-p", "What is it?"}));
  ASSERT_EQ(flag.exit_code, 0) << flag.err;
  EXPECT_EQ(flag.out.find('\033'), std::string::npos);
  EXPECT_EQ(flag.err, "");
  EXPECT_TRUE(flag.out.ends_with('\n'));
  // The same by every other way to ask.
  EXPECT_EQ(run(chat({"-i", picture, "--", "What", "is", "it?"})).out, flag.out);
  EXPECT_EQ(run(chat({"-i", picture}), with_input("What is it?")).out, flag.out);
  EXPECT_EQ(run(chat({"-i", picture, "-p", "-"}), with_input("What is it?")).out, flag.out);
  EXPECT_EQ(run(chat({"--", picture, "What is it?"})).out, flag.out);  // the path is attached
  EXPECT_EQ(run({"chat", tiny(), "--temp", "0", "-n", "4", "-i", picture, "--", "What is it?"}).out,
            flag.out);
}

TEST_F(ChatProgram, TheFlagsOfTheReferenceWork) {
  const std::string picture = golden_picture("rgb_420.jpg");
  const Outcome ours = run(chat({"-i", picture, "-i", picture, "--top-k", "2", "-p", "Hello"}));
  const Outcome theirs =
      run({"chat", "--model_path", tiny(), "--temperature", "0", "--max_tokens", "4", "--top_k",
           "2", "--image_paths", picture, picture, "--", "Hello"});
  ASSERT_EQ(theirs.exit_code, 0) << theirs.err;
  EXPECT_EQ(theirs.out, ours.out);
}

TEST_F(ChatProgram, Formats) {
  const Outcome json = run(chat({"--format", "json", "-p", "Hello"}));
  ASSERT_EQ(json.exit_code, 0) << json.err;
  for (const char* key : {"answer", "reasoning", "boxes", "finish_reason", "stats"}) {
    EXPECT_TRUE(json.json().contains(key)) << key;
  }
  EXPECT_GT(json.json()["stats"]["prompt_tokens"], 0);
  EXPECT_GT(json.json()["stats"]["ctx_limit"], 0);
  const Outcome lines = run(chat({"--format", "jsonl", "-p", "Hello"}));
  const size_t last = lines.out.rfind('\n', lines.out.size() - 2);
  const Json done = Json::parse(lines.out.substr(last == std::string::npos ? 0 : last));
  EXPECT_EQ(done["type"], "done");
  EXPECT_EQ(done["answer"], json.json()["answer"]);
}

TEST_F(ChatProgram, ScriptsAndSessions) {
  const std::string picture = golden_picture("rgb_420.jpg");
  const std::string script =
      file("script", "/image " + picture + "\nfirst\n/save " + path("saved.json") + "\n");
  const Outcome first = run(chat({"--script", script, "--session", path("s.json"), "-q"}));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const Json session = Json::parse(read(path("s.json")));
  EXPECT_EQ(session["v"], 1);
  EXPECT_EQ(session["messages"].size(), 2u);
  EXPECT_EQ(session["messages"][0]["media"][0]["kind"], "image");
  EXPECT_EQ(session["messages"], Json::parse(read(path("saved.json")))["messages"]);
  const auto rights = std::filesystem::status(path("s.json")).permissions();
  EXPECT_EQ(rights & std::filesystem::perms(0777), std::filesystem::perms(0600));
  // The next run goes on with it.
  const Outcome second = run(chat({"--session", path("s.json"), "-p", "second"}));
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(Json::parse(read(path("s.json")))["messages"].size(), 4u);
}

TEST_F(ChatProgram, ExitCodesSayWhatFailed) {
  expect_error(run(chat({"--no-such-flag"})), 2, "--no-such-flag");
  expect_error(run(chat({"-p", "  "})), 2, "nothing to ask");
  expect_error(run(chat({"--script", path("none"), "-q"})), 2, "cannot read");
  expect_error(run(chat({"-i", path("none.png"), "-p", "x"})), 3, "no such file");
  expect_error(run(chat({"-i", file("empty.png", ""), "-p", "x"})), 3, "is empty");
  expect_error(run(chat({"-i", file("a\nb.png", "text"), "-p", "x"})), 3, "b.png");
  expect_error(run(chat({"-v", file("v.mp4", "no video"), "-p", "x"})), 3, "v.mp4");
  expect_error(run({"chat", "-m", path("none"), "-p", "x"}), 4, "none");
  expect_error(run({"chat", path("none/model"), "-q"}, with_input("x")), 4, "none/model");
  expect_error(run(chat({"--ctx", "64", "-p", std::string(10'000, 'x')})), 1, "context");
  const std::string script = file("script", "/unknown\n");
  expect_error(run(chat({"--script", script, "-q"})), 2, "unknown command");
}

TEST_F(ChatProgram, AReadOnlyHomeIsNoObstacle) {
  ::setenv("XDG_STATE_HOME", "/proc/none", 1);
  EXPECT_EQ(run(chat({"-p", "Hello"})).exit_code, 0);
  expect_error(run(chat({"--continue", "-p", "Hello"})), 2, "no conversation to continue");
}

}  // namespace
}  // namespace glmv::e2e
