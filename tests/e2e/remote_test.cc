// A server as the model of ask and bench-thinking; fix-html.

#include <csignal>
#include <thread>

#include "tests/e2e/fixtures.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

using namespace std::chrono_literals;

std::string url_of(const Serving& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

TEST_F(Program, AServerAnswersAsTheModelItself) {
  const std::string model = tiny();
  const Words flags = {"--json", "--temp",     "0", "-n", "6", "-i", golden_picture("rgb_420.jpg"),
                       "--",     "What is it?"};
  const Outcome here = run(join({"ask", "-m", model}, flags));
  ASSERT_EQ(here.exit_code, 0) << here.err;
  Serving server({model, "--served-model-name", "tiny"});
  const Outcome there = run(join({"ask", "-m", url_of(server)}, flags));
  ASSERT_EQ(there.exit_code, 0) << there.err;
  const Json a = here.json(), b = there.json();
  for (const char* key : {"answer", "reasoning", "boxed", "boxes", "image_sizes", "prompt_ids",
                          "output_ids", "finish_reason"}) {
    EXPECT_EQ(a[key], b[key]) << key;
  }
  EXPECT_EQ(a["usage"]["prompt_tokens"], b["usage"]["prompt_tokens"]);
  EXPECT_EQ(a["usage"]["image_tokens"], b["usage"]["image_tokens"]);

  const Outcome plain =
      run({"ask", "-m", url_of(server) + "/v1", "--temp", "0", "-n", "6", "-q", "--", "Hello"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  expect_error(run({"ask", "-m", url_of(server), "--quant", "int8", "--", "Hello"}), 2, "--quant");
  expect_error(run({"ask", "-m", url_of(server), "--served-model", "other", "--", "Hello"}), 3,
               "other");
  expect_error(run({"ask", "-m", url_of(server), "-i", path("none.png"), "--", "Hello"}), 3,
               "none.png");
  expect_error(run({"bench", "-m", url_of(server)}), 2, "needs the model itself");
}

TEST_F(Program, NobodyAnswers) {
  expect_error(run({"ask", "-m", "http://127.0.0.1:1/v1", "--", "Hello"}), 7, "Connection refused");
  expect_error(run({"ask", "-m", "http://user:x@127.0.0.1/v1", "--", "Hello"}), 2, "address");
  expect_error(run({"ask", "-m", tiny(), "--api-key", "K", "--", "Hello"}), 2, "--api-key");
}

TEST_F(Program, AServerThatDiesIsTold) {
  const std::string model = slow();
  Serving server({model, "--served-model-name", "slow", "--threads", "1"});
  Process asking(join(
      join({"ask", "-m", url_of(server), "--temp", "0", "-q", "-n", "2000"}, without_end(model)),
      {"--", "Hello"}));
  for (int i = 0; i < 600 && asking.out().empty() && asking.running(); ++i) {
    std::this_thread::sleep_for(25ms);
  }
  server.process().send(SIGKILL);
  const Outcome outcome = asking.wait();
  EXPECT_EQ(outcome.exit_code, 7) << outcome.err;
  EXPECT_NE(outcome.out, "");  // what came stays
  EXPECT_THAT(outcome.err, HasSubstr("not whole"));
}

TEST_F(Program, ThoughtsWithALimit) {
  const std::string model = tiny();
  const std::string data = file("q.jsonl",
                                "{\"prompt\": \"One?\", \"answer\": \"1\"}\n"
                                "{\"question\": \"Two?\", \"answer\": 2}\n");
  const Outcome out = run({"bench-thinking", "--model_path", model, "--data", data, "--budgets",
                           "8,4", "--force_max_tokens", "5", "--temperature", "0", "--json",
                           "--plot", path("p.png"), "-o", path("runs.jsonl")});
  ASSERT_EQ(out.exit_code, 0) << out.err;
  const Json report = out.json();
  ASSERT_EQ(report["runs"].size(), 4u);
  ASSERT_EQ(report["budgets"].size(), 2u);
  EXPECT_EQ(report["budgets"][0]["budget"], 4);
  for (const Json& run : report["runs"]) {
    EXPECT_LE(run["first_generation_length"], run["budget"]);
    EXPECT_LE(run["second_generation_length"], 5);
    EXPECT_TRUE(run["right"].is_boolean());
  }
  EXPECT_TRUE(read(path("p.png")).starts_with("\x89PNG"));
  const std::string lines = read(path("runs.jsonl"));
  EXPECT_EQ(std::ranges::count(lines, '\n'), 4);

  Serving server({model, "--served-model-name", "tiny-4.1"});
  const Outcome there =
      run({"bench-thinking", "-m", url_of(server), "--prompt", "One?", "--first_max_tokens", "4",
           "--force_max_tokens", "5", "--temperature", "0", "--json"});
  ASSERT_EQ(there.exit_code, 0) << there.err;
  EXPECT_EQ(there.json()["runs"][0]["first_generation_length"], 4);

  expect_error(run({"bench-thinking", "-m", model}), 2, "--prompt");
  expect_error(run({"bench-thinking", "-m", model, "--data", file("bad.jsonl", "{}\n")}), 2,
               "bad.jsonl:1");
  expect_error(run({"bench-thinking", "-m", model, "--data", path("none.jsonl")}), 3, "none.jsonl");
  expect_error(run({"bench-thinking", "-m", model, "--prompt", "x", "--plot", path("q.png")}), 2,
               "--budgets");
}

TEST_F(Program, RawHtmlGetsAFence) {
  const std::string page = "Here:\n<html>\n<p>x</p>\n</html>\n";
  const std::string fixed = "Here:\n```html\n<html>\n<p>x</p>\n</html>\n```\n";
  EXPECT_EQ(run({"fix-html"}, with_input(page)).out, fixed);
  EXPECT_EQ(run({"fix-html", file("a.txt", page)}).out, fixed);
  EXPECT_EQ(
      run({"fix-html", "--mode", "compat", "--stream", "--chunk", "6"}, with_input("<html><body>x"))
          .out,
      "```html\n<html><body>x\n```");
  EXPECT_EQ(run({"fix-html", "--mode", "compat"}, with_input(std::string(51, 'x') + "<html>")).out,
            std::string(51, 'x') + "<html>");
  expect_error(run({"fix-html", path("none.txt")}), 3, "none.txt");
  expect_error(run({"fix-html", "--chunk", "3"}), 2, "compat");
}

}  // namespace
}  // namespace glmv::e2e
