#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

const Words kGreedy = {"--temp", "0"};

// "answer" of the reply; the prompt after "--" so that no list flag can take it.
Words prompt(const Words& flags, const std::string& text) {
  return join(join(kGreedy, flags), {"--", text});
}

std::vector<int> ids(const Json& reply) { return reply.value("output_ids", std::vector<int>{}); }

class Families : public Program, public testing::WithParamInterface<const char*> {};

TEST_P(Families, AnswersTextPicturesAndFrames) {
  const std::string model = tiny(GetParam());
  const std::string picture = golden_picture("rgb_420.jpg");
  const std::string second = file("b.bmp", bmp(61, 130));
  const Words base = {"ask", "-m", model, "--json", "--temp", "0", "-n", "5"};

  const Outcome text = run(join(base, {"--", "Hello world"}));
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.json()["usage"]["image_tokens"], 0);
  EXPECT_EQ(text.json()["image_grid_thw"], Json::array());

  const Outcome one = run(join(base, {"-i", picture, "--", "What is it?"}));
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(one.json()["image_grid_thw"].size(), 1u);

  const Outcome two = run(join(base, {"-i", picture, "-i", second, "--", "Compare them."}));
  ASSERT_EQ(two.exit_code, 0) << two.err;
  const Json reply = two.json();
  ASSERT_EQ(reply["image_grid_thw"].size(), 2u);
  EXPECT_EQ(reply["image_sizes"][1], (Json{61, 130}));
  int64_t patches = 0;
  for (const Json& grid : reply["image_grid_thw"]) {
    patches += grid[0].get<int64_t>() * grid[1].get<int64_t>() * grid[2].get<int64_t>();
  }
  EXPECT_EQ(reply["usage"]["image_tokens"], patches / 4);
  EXPECT_LE(ids(reply).size(), 5u);
  EXPECT_EQ(reply["usage"]["prompt_tokens"], reply["prompt_ids"].size());

  const Outcome frames = run(join(base, {"--frame-images", picture, picture, picture,
                                         "--frame-times", "0", "1.5", "7", "--", "What happens?"}));
  ASSERT_EQ(frames.exit_code, 0) << frames.err;
  EXPECT_GT(frames.json()["usage"]["image_tokens"], 0);
}

INSTANTIATE_TEST_SUITE_P(All, Families, testing::Values("glm4v", "glm46v", "glm4v_moe", "glm_ocr"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(Program, PromptFromStandardInput) {
  const Json argument = ask(prompt({"-n", "4"}, "two words")).json();
  EXPECT_EQ(
      ask(join(kGreedy, {"-n", "4", "--", "-"}), with_input("two words\n")).json()["prompt_ids"],
      argument["prompt_ids"]);
  EXPECT_EQ(ask(join(kGreedy, {"-n", "4"}), with_input("two words")).json()["output_ids"],
            argument["output_ids"]);
}

TEST_F(Program, PictureFlagLeavesThePromptAlone) {
  const std::string picture = golden_picture("rgb_420.jpg");
  const Outcome reply = ask({"--temp", "0", "-n", "3", "-i", picture, "What is it?"});
  EXPECT_EQ(reply.exit_code, 0) << reply.err;
  const Outcome stop = ask({"--temp", "0", "-n", "3", "--stop", "zzz", "What is it?"});
  EXPECT_EQ(stop.exit_code, 0) << stop.err;
}

TEST_F(Program, MessagesFileWithSeveralTurns) {
  const std::string picture = golden_picture("rgb_420.jpg");
  const Json messages = {{{"role", "user"},
                          {"content",
                           {{{"type", "image_url"}, {"image_url", {{"url", picture}}}},
                            {{"type", "text"}, {"text", "first"}}}}},
                         {{"role", "assistant"}, {"content", "reply"}},
                         {{"role", "user"}, {"content", "second"}}};
  const std::string name = file("messages.json", messages.dump());
  const Outcome reply = ask(join(kGreedy, {"-n", "3", "--messages", name}));
  ASSERT_EQ(reply.exit_code, 0) << reply.err;
  EXPECT_EQ(reply.json()["image_grid_thw"].size(), 1u);
  EXPECT_GT(reply.json()["prompt_ids"].size(),
            ask(prompt({"-n", "3"}, "second")).json()["prompt_ids"].size());
  expect_error(ask({"--messages", file("bad.json", R"([{"role": "user", "content": 3}])")}), 2,
               "messages[0].content");
}

TEST_F(Program, SeedRepeatsAndMatters) {
  const auto sample = [&](const char* seed) {
    return ids(ask({"--temp", "1.5", "-n", "12", "--seed", seed, "--", "Hello"}).json());
  };
  const std::vector<int> first = sample("7");
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(first, sample("7"));
  EXPECT_NE(first, sample("8"));
}

TEST_F(Program, ChunkedPrefillAndThreadsChangeNothing) {
  const Words picture = {"-n", "16", "-i", golden_picture("rgb_420.jpg")};
  const std::vector<int> whole = ids(ask(prompt(picture, "What is it?")).json());
  for (const char* chunk : {"1", "7"}) {
    EXPECT_EQ(whole,
              ids(ask(prompt(join(picture, {"--prefill-chunk", chunk}), "What is it?")).json()))
        << "chunk " << chunk;
  }
  EXPECT_EQ(whole, ids(ask(prompt(join(picture, {"--threads", "1"}), "What is it?")).json()));
}

TEST_F(Program, MaxTokensAndContextLimit) {
  const Json reply = ask(prompt({"-n", "3"}, "Hello")).json();
  EXPECT_EQ(ids(reply).size(), 3u);
  EXPECT_EQ(reply["finish_reason"], "length");
  EXPECT_EQ(reply["usage"]["completion_tokens"], 3);
  expect_error(ask(prompt({"--ctx", "12"}, "a prompt of far more than twelve tokens")), 2,
               "context");
}

TEST_F(Program, StopStringIsCutOff) {
  const std::string whole = ask(prompt({"-n", "8"}, "hi there")).json()["answer"];
  ASSERT_GE(whole.size(), 6u);
  const std::string stop = whole.substr(whole.size() / 2, 2);
  const Json reply = ask(prompt({"-n", "8", "--stop", stop}, "hi there")).json();
  EXPECT_EQ(reply["finish_reason"], "stop");
  EXPECT_EQ(reply["answer"], whole.substr(0, whole.find(stop)));
}

TEST_F(Program, Logprobs) {
  const Json reply = ask(prompt({"-n", "4", "--logprobs", "3"}, "Hello")).json();
  ASSERT_EQ(reply["logprobs"].size(), ids(reply).size());
  for (size_t i = 0; i < reply["logprobs"].size(); ++i) {
    const Json& row = reply["logprobs"][i];
    ASSERT_EQ(row["top"].size(), 3u);
    EXPECT_EQ(row["token_id"], reply["output_ids"][i]);
    EXPECT_EQ(row["top"][0]["token_id"], row["token_id"]) << "greedy takes the best";
    EXPECT_GE(row["top"][0]["logprob"], row["top"][1]["logprob"]);
    EXPECT_LT(row["logprob"].get<double>(), 0.0);
  }
  EXPECT_FALSE(ask(prompt({"-n", "4"}, "Hello")).json().contains("logprobs"));
}

TEST_F(Program, LogitBiasForcesAToken) {
  const Json reply = ask(prompt({"-n", "3", "--logit-bias", "65:100"}, "Hello")).json();
  EXPECT_EQ(ids(reply), (std::vector<int>{65, 65, 65}));
}

TEST_F(Program, BoxesAreDrawn) {
  const std::string out = path("boxes.png");
  const Outcome reply = ask(prompt(
      {"-n", "3", "-i", file("a.bmp", bmp(90, 60)), "--save-boxes", out}, "Locate the circle."));
  ASSERT_EQ(reply.exit_code, 0) << reply.err;
  const std::string png = read(out);
  ASSERT_GT(png.size(), 24u);
  EXPECT_EQ(png.substr(1, 3), "PNG");
  EXPECT_EQ(png.substr(16, 8), std::string("\0\0\0\x5a\0\0\0\x3c", 8)) << "90 x 60";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 3)
      << "model, picture and boxes only";
}

TEST_F(Program, PlainOutputIsTheAnswer) {
  const std::string model = tiny();
  const Words base = {"ask", "-m", model, "--dtype", "float32", "--temp", "0", "-n", "6"};
  const std::string answer = run(join(join(base, {"--json"}), {"--", "Hello"})).json()["answer"];
  for (const Words& flags : {Words{}, Words{"--no-stream"}}) {
    const Outcome plain = run(join(join(base, flags), {"--", "Hello"}));
    EXPECT_EQ(plain.exit_code, 0);
    EXPECT_EQ(plain.out, answer + "\n");
  }
}

class Interrupt : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    model_ = slow();
    words_ = join({"ask", "-m", model_, "--temp", "0", "-n", "2000", "--threads", "1"},
                  without_end(model_));
  }
  std::string model_;
  Words words_;
};

TEST_F(Interrupt, KeepsThePartialReply) {
  Process process(join(words_, {"--", "Hello"}));
  while (process.out().empty() && process.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  process.send(SIGINT);
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_NE(outcome.out, "");
}

TEST_F(Interrupt, KeepsThePartialJson) {
  // Log-probabilities make every token slow.
  Process process(join(words_, {"--json", "--logprobs", "20", "--", "Hello"}));
  while (!process.catches(SIGINT) && process.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  ASSERT_TRUE(process.running()) << "the reply is too short for this test";
  process.send(SIGINT);
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  const Json reply = outcome.json();
  ASSERT_TRUE(reply.contains("finish_reason")) << outcome.out;
  EXPECT_EQ(reply["finish_reason"], "cancelled");
  EXPECT_LT(ids(reply).size(), 2000u);
}

}  // namespace
}  // namespace glmv::e2e
