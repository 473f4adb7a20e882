// Models by name: pull, list, rm, and commands that use them, against a hub of this machine.

#include <signal.h>
#include <sys/resource.h>

#include <thread>

#include "tests/e2e/hub_program.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;
using testing::Not;

TEST_F(HubProgram, ANameIsEnough) {
  offer_tiny();
  const Words question = {"Hello", "--dtype", "float32", "--json", "--temp", "0", "-n", "4", "-q"};
  expect_error(run(join({"ask", "-m", "acme/tiny"}, question)), 3, "glmv pull acme/tiny");
  const Outcome pulled = run({"pull", "acme/tiny"});
  ASSERT_EQ(pulled.exit_code, 0) << pulled.err;
  EXPECT_EQ(pulled.out, (model() / "snapshots" / hub.commit()).string() + "\n");
  EXPECT_THAT(pulled.err, HasSubstr("100 % of"));
  EXPECT_THAT(pulled.err, Not(HasSubstr("\r")));  // no terminal, no line that is drawn anew
  EXPECT_THAT(pulled.err, Not(HasSubstr("pytorch_model.bin")));

  ::setenv("HF_ENDPOINT", "http://127.0.0.1:9", 1);  // from here on without a network
  const Outcome by_name = run(join({"ask", "-m", "acme/tiny"}, question));
  const Outcome by_path = run(join({"ask", "-m", tiny()}, question));
  ASSERT_EQ(by_name.exit_code, 0) << by_name.err;
  EXPECT_EQ(by_name.json()["output_ids"], by_path.json()["output_ids"]);
  EXPECT_EQ(run({"inspect", "acme/tiny@" + hub.commit()}).exit_code, 0);
  EXPECT_EQ(run({"plan", "acme/tiny", "--no-measure"}).exit_code, 0);
  const Outcome bench = run({"bench", "-m", "acme/tiny", "--prompt", "8", "--gen", "2", "--runs",
                             "1", "--image", "none"});
  EXPECT_EQ(bench.exit_code, 0) << bench.err;
  EXPECT_EQ(run({"convert", "acme/tiny", "-o", path("converted")}).exit_code, 0);
  expect_error(run({"plan", "acme/other"}), 3, "glmv pull acme/other");
  expect_error(run({"inspect", "../x"}), 3, "../x does not exist");
}

TEST_F(HubProgram, ListAndRemove) {
  offer_tiny();
  ASSERT_EQ(run({"pull", "acme/tiny", "-q"}).exit_code, 0);
  const Outcome list = run({"list", "--json"});
  ASSERT_EQ(list.exit_code, 0) << list.err;
  Json row;
  for (const Json& one : list.json()) {
    if (one["name"] == "acme/tiny") row = one;
  }
  ASSERT_TRUE(row.is_object()) << list.out;
  EXPECT_EQ(row["revision"], "main");
  EXPECT_EQ(row["family"], "glm4v");
  EXPECT_EQ(row["state"], "ready");
  EXPECT_THAT(run({"list"}).out, HasSubstr("embedded"));
  EXPECT_EQ(run({"list", "--names"}).out, "nano\nacme/tiny\n");
  expect_error(run({"rm", "acme/tiny"}), 2, "--yes");  // nobody to ask
  expect_error(run({"rm", "acme/tiny", "acme/none", "--yes"}), 3, "acme/none");
  EXPECT_TRUE(fs::exists(model()));
  expect_error(run({"rm", "../../x", "--yes"}), 2, "OWNER/NAME");
  const Outcome removed = run({"rm", "acme/tiny", "--yes"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_THAT(removed.out, HasSubstr("freed"));
  EXPECT_FALSE(fs::exists(model()));
  EXPECT_EQ(run({"list", "--names"}).out, "nano\n");
}

TEST_F(HubProgram, InterruptedAndKilledPullsGoOn) {
  offer_large(60 << 20);
  hub.faults.delay = std::chrono::milliseconds(2);
  const auto begun = [this](int64_t bytes) {
    std::error_code error;
    const auto size = fs::file_size(incomplete(), error);
    return !error && static_cast<int64_t>(size) >= bytes;
  };
  {
    Process process({"pull", "acme/tiny", "--connections", "2"});
    while (process.running() && !begun(1 << 20))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    process.send(SIGINT);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.exit_code, 130);
    EXPECT_THAT(outcome.err, HasSubstr("goes on from here"));
  }
  const auto kept = static_cast<int64_t>(fs::file_size(incomplete()));
  EXPECT_THAT(run({"list"}).out, HasSubstr("incomplete"));
  expect_error(run({"inspect", "acme/tiny"}), 3, "complete it: glmv pull acme/tiny");
  {
    Process process({"pull", "acme/tiny", "--connections", "2"});
    while (process.running() && !begun(kept + (1 << 20)))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    process.send(SIGKILL);
    EXPECT_EQ(process.wait().signal, SIGKILL);
  }
  const auto killed = static_cast<int64_t>(fs::file_size(incomplete()));
  EXPECT_GT(killed, kept);
  hub.faults.delay = std::chrono::milliseconds(0);
  hub.forget();
  const Outcome last = run({"pull", "acme/tiny"});
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_THAT(last.err, HasSubstr("here already"));
  EXPECT_EQ(read(model() / "snapshots" / hub.commit() / "model.safetensors"),
            hub.files["model.safetensors"].content);
  for (const auto& seen : hub.seen()) EXPECT_THAT(seen.range, Not(HasSubstr("bytes=0-")));
}

TEST_F(HubProgram, FaultyHubsAreOvercomeOrNamed) {
  offer_large(300'000);
  hub.faults.drops = {100'000};
  hub.faults.ignores_ranges = true;
  hub.faults.statuses = {503};
  EXPECT_EQ(run({"pull", "acme/tiny"}).exit_code, 0);
  ASSERT_EQ(run({"rm", "acme/tiny", "--yes"}).exit_code, 0);
  hub.faults = {.corrupts = true};
  expect_error(run({"pull", "acme/tiny", "-q"}), 7, "digest");
  hub.faults = {.statuses = {429}, .retry_after = "100000"};
  expect_error(run({"pull", "acme/tiny", "-q"}), 7, "try again in 100000 s");
  hub.faults = {.lies_in_list = int64_t{1} << 49};
  expect_error(run({"pull", "acme/tiny", "-q"}), 5, "HF_HOME");
  hub.faults = {};
  hub.needs_token = true;
  expect_error(run({"pull", "acme/tiny"}), 3, "HF_TOKEN");
  ::setenv("HF_TOKEN", "hf_wrong", 1);
  const Outcome wrong = run({"pull", "acme/tiny"});
  expect_error(wrong, 3, "token that was sent");
  EXPECT_THAT(wrong.err, Not(HasSubstr("hf_wrong")));
  ::unsetenv("HF_TOKEN");
  write(folder_ / "hf/token", "hf_secret\n");
  EXPECT_EQ(run({"pull", "acme/tiny"}).exit_code, 0);
  ::setenv("HF_HUB_OFFLINE", "1", 1);
  EXPECT_EQ(run({"pull", "acme/tiny"}).exit_code, 0);
  expect_error(run({"pull", "acme/none"}), 7, "HF_HUB_OFFLINE");
}

TEST_F(HubProgram, FlagsAndPlaces) {
  offer_large(1000);
  expect_error(run({"pull", "acme"}), 3, "not at");
  expect_error(run({"pull", "../x"}), 2, "OWNER/NAME");
  expect_error(run({"pull", "acme/tiny", "--endpoint", "nonsense"}), 2, "--endpoint");
  expect_error(run({"pull", "acme/tiny@main", "--revision", "main"}), 2, "give one");
  expect_error(run({"pull", "acme/tiny", "--revision", "v9"}), 3, "no revision \"v9\"");
  expect_error(run({"pull", "acme/tiny", "--include", "*.nope"}), 3, "--include");
  const Outcome plan = run({"pull", "acme/tiny", "--dry-run", "--json"});
  EXPECT_EQ(plan.json()["missing_bytes"], 1022);
  EXPECT_THAT(run({"pull", "acme/tiny", "--dry-run"}).out, HasSubstr("model.safetensors"));
  EXPECT_FALSE(fs::exists(folder_ / "hf"));
  ::setenv("HF_HOME", file("a-file", "x").c_str(), 1);
  expect_error(run({"pull", "acme/tiny", "-q"}), 2, "HF_HOME");
  ::setenv("HF_HOME", "/proc/none", 1);  // cannot be written, by nobody
  expect_error(run({"pull", "acme/tiny", "-q"}), 2, "/proc/none");
}

// A limit on the size of files stands for a disk that is full.
TEST_F(HubProgram, AFullDiskKeepsWhatCame) {
  offer_large(400'000);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{200'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  Process process({"pull", "acme/tiny", "-q"});
  ::setrlimit(RLIMIT_FSIZE, &before);
  expect_error(process.wait(), 5, "the same command then goes on");
  EXPECT_EQ(fs::file_size(incomplete()), 200'000);
  EXPECT_EQ(run({"pull", "acme/tiny", "-q"}).exit_code, 0);
}

}  // namespace
}  // namespace glmv::e2e
