#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;

class Train : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    const Outcome made = run({"synth", "-o", path("data"), "--split", "train", "--task", "count",
                              "--task", "ground", "--count", "6"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  Words words(const std::string& out, const Words& more) {
    return join(
        {"train", "--model", tiny(), "--data", path("data/finetune.json"), "--output", path(out),
         "--batch", "2", "--lr", "1e-3", "--log-every", "1", "--max-pixels", "12544", "--quiet"},
        more);
  }
  static void wait_for(Process& process, const std::function<bool()>& condition) {
    while (!condition() && process.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void expect_whole_checkpoints(const std::string& out) {
    for (const auto& entry : fs::directory_iterator(path(out))) {
      if (!entry.path().filename().string().starts_with("checkpoint-")) continue;
      for (const char* part : {"model.safetensors", "optimizer.safetensors", "trainer_state.json",
                               "config.json", "tokenizer.json", "chat_template.jinja"}) {
        EXPECT_TRUE(fs::exists(entry.path() / part)) << entry.path() / part;
      }
    }
  }
  std::string weights(const std::string& checkpoint) {
    return read(path(checkpoint) + "/model.safetensors");
  }
};

TEST_F(Train, KilledAndResumedEqualsUninterrupted) {
  const Outcome whole = run(words("whole", {"--steps", "10", "--save-every", "5"}));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;

  // The same run, killed once its first checkpoint is there.
  Process first(words("halves", {"--steps", "10", "--save-every", "5"}));
  wait_for(first, [&] { return fs::exists(path("halves/checkpoint-5")); });
  first.send(SIGKILL);
  first.wait();
  expect_whole_checkpoints("halves");
  fs::remove_all(path("halves/checkpoint-10"));  // the kill may have come late
  const Outcome second = run(words("halves", {"--steps", "10", "--save-every", "5"}));
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("resumed"));
  EXPECT_TRUE(weights("whole/checkpoint-10") == weights("halves/checkpoint-10"))
      << "the resumed run differs";
  EXPECT_FALSE(weights("whole/checkpoint-5") == weights("whole/checkpoint-10"))
      << "nothing learned";

  // Every step stands in the log once, with a finite loss that falls.
  std::vector<double> losses;
  std::istringstream log(read(path("whole/trainer_log.jsonl")));
  for (std::string line; std::getline(log, line);) {
    const Json row = Json::parse(line);
    if (row.contains("loss")) losses.push_back(row["loss"]);
  }
  ASSERT_EQ(losses.size(), 10u);
  EXPECT_LT(losses.back(), losses.front());
  EXPECT_TRUE(fs::exists(path("whole/loss.png")));

  // What was trained answers.
  const Outcome reply =
      run({"ask", "-m", path("whole/checkpoint-10"), "--json", "-n", "2", "--", "hi"});
  EXPECT_EQ(reply.exit_code, 0) << reply.err;
}

TEST_F(Train, KilledWhileSavingLeavesNoPartialCheckpoint) {
  // A save after every step: most of the time a save is under way.
  for (int round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    Process process(words("killed", {"--steps", "400", "--save-every", "1", "--keep-last", "2"}));
    wait_for(process, [&] { return process.err().find("saved") != std::string::npos; });
    std::this_thread::sleep_for(std::chrono::milliseconds(13 * round));
    process.send(SIGKILL);
    const Outcome outcome = process.wait();
    ASSERT_EQ(outcome.signal, SIGKILL) << outcome.exit_code << outcome.err;
    expect_whole_checkpoints("killed");
  }
  std::string latest = read(path("killed/latest"));
  latest.resize(latest.find_last_not_of('\n') + 1);
  const Outcome reply =
      run({"ask", "-m", path("killed/" + latest), "--json", "-n", "2", "--", "hi"});
  EXPECT_EQ(reply.exit_code, 0) << reply.err;
}

TEST_F(Train, InterruptSavesAndStops) {
  Process process(words("stopped", {"--steps", "4000"}));
  wait_for(process, [&] { return fs::exists(path("stopped/trainer_log.jsonl")); });
  process.send(SIGINT);
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_TRUE(fs::exists(path("stopped/latest")));
}

TEST_F(Train, BadDataIsRefused) {
  const Words base = {"train",     "--model", tiny(), "--output",
                      path("out"), "--steps", "1",    "--data"};
  expect_error(run(join(base, {path("missing.json")})), 3, "missing.json");
  expect_error(run(join(base, {file("bad.json", "[{\"messages\": 3}]")})), 2, "messages");
  expect_error(run(join(base, {file("empty.json", "[]")})), 2, "empty.json");
  const std::string no_picture =
      R"([{"messages": [{"role": "user", "content": "<image>x"}, {"role": "assistant", "content": "y"}],
           "images": ["gone.png"]}])";
  expect_error(run(join(base, {file("gone.json", no_picture)})), 3, "gone.png");
  EXPECT_FALSE(fs::exists(path("out/checkpoint-1")));
}

TEST_F(Train, EvalCountsEveryTask) {
  ASSERT_EQ(run({"synth", "-o", path("test"), "--task", "count", "--task", "read", "--count", "3"})
                .exit_code,
            0);
  const Outcome outcome =
      run({"eval", "-m", tiny(), "--json", "--temp", "0", "-n", "4", "--max-pixels", "12544", "-o",
           path("answers.jsonl"), path("test/eval.jsonl")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json table = outcome.json();
  ASSERT_EQ(table.size(), 2u) << table;
  for (const auto& [task, row] : table.items()) EXPECT_EQ(row["total"], 3) << task;
  const std::string answers = read(path("answers.jsonl"));
  EXPECT_EQ(std::count(answers.begin(), answers.end(), '\n'), 6);
  expect_error(run({"eval", "-m", tiny(), path("nothing.jsonl")}), 3, "nothing.jsonl");
}

}  // namespace
}  // namespace glmv::e2e
