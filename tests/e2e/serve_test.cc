// glmv serve as a team runs it: answers, streams, refuses, ends when asked to.

#include <csignal>
#include <thread>

#include "glmv/media/base64.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

using namespace std::chrono_literals;

Json question(const Json& content, const Json& more) {
  Json body = {{"messages", {{{"role", "user"}, {"content", content}}}},
               {"temperature", 0},
               {"max_tokens", 6}};
  body.update(more);
  return body;
}

TEST_F(Program, ServesTheSameAnswersAsAsk) {
  const std::string model = tiny();
  const std::string picture = golden_picture("rgb_420.jpg");
  const Outcome asked = run(
      {"ask", "-m", model, "--json", "--temp", "0", "-n", "6", "-i", picture, "--", "What is it?"});
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  Serving server({model, "--served-model-name", "tiny"});
  const Json content = {
      {{"type", "image_url"},
       {"image_url", {{"url", "data:image/jpeg;base64," + media::encode_base64(read(picture))}}}},
      {{"type", "text"}, {"text", "What is it?"}}};
  const auto whole = server.ask(question(content, Json::object()));
  ASSERT_EQ(whole.status, 200) << whole.body;
  const Json reply = Json::parse(whole.body);
  EXPECT_EQ(reply["model"], "tiny");
  EXPECT_EQ(reply["choices"][0]["message"]["content"], asked.json()["answer"]);
  EXPECT_EQ(reply["usage"]["prompt_tokens"], asked.json()["usage"]["prompt_tokens"]);
  EXPECT_GT(reply["usage"]["prompt_tokens_details"]["image_tokens"], 0);

  // Several at once, streamed; the picture is known by now.
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const auto streamed = server.ask(
          question(content, {{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
      EXPECT_EQ(streamed.status, 200);
      EXPECT_TRUE(streamed.complete);
      EXPECT_TRUE(streamed.body.ends_with("data: [DONE]\n\n")) << streamed.body;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(server.ask(question("hi", {{"temperature", 9}})).status, 400);
  EXPECT_EQ(server
                .ask(question({{{"type", "image_url"}, {"image_url", {{"url", picture}}}}},
                              Json::object()))
                .status,
            422);
  const std::string broken = "data:image/jpeg;base64," + media::encode_base64("no picture");
  const auto bad = server.ask(
      question({{{"type", "image_url"}, {"image_url", {{"url", broken}}}}}, Json::object()));
  EXPECT_EQ(bad.status, 422) << bad.body;
  EXPECT_EQ(server.ask(question("hi", Json::object())).status, 200);

  server.process().send(SIGTERM);
  const Outcome end = server.process().wait();
  EXPECT_EQ(end.exit_code, 0) << end.err;
}

TEST_F(Program, ServesAnswersOfAForm) {
  Serving server({tiny()});
  const Json schema =
      Json::parse(R"({"type":"object","properties":{"colour":{"enum":["red","blue"]},
      "count":{"type":"integer","minimum":0,"maximum":99}},"required":["colour","count"]})");
  const Json format = {{"type", "json_schema"},
                       {"json_schema", {{"name", "n"}, {"schema", schema}}}};
  // A model of random weights: only the grammar can make this JSON.
  for (int seed = 0; seed < 3; ++seed) {
    const auto answer = server.ask(question("Which?", {{"response_format", format},
                                                       {"max_tokens", 300},
                                                       {"temperature", 1},
                                                       {"seed", seed},
                                                       {"thinking_token_budget", 5}}));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json choice = Json::parse(answer.body)["choices"][0];
    const Json value = Json::parse(choice["message"]["content"].get<std::string>(), nullptr, false);
    ASSERT_TRUE(value.is_object()) << answer.body;
    EXPECT_TRUE(value["colour"] == "red" || value["colour"] == "blue") << answer.body;
    EXPECT_TRUE(value["count"].is_number_integer()) << answer.body;
    EXPECT_EQ(choice["finish_reason"], "stop");
  }
  const auto bad = server.ask(question(
      "Which?", {{"response_format",
                  {{"type", "json_schema"},
                   {"json_schema", {{"name", "n"}, {"schema", {{"not", Json::object()}}}}}}}}));
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(Json::parse(bad.body)["error"]["param"], "response_format.json_schema.schema")
      << bad.body;
  const Outcome chosen =
      run({"ask", "-m", tiny(), "--choice", "yes,no", "--think", "off", "--json", "--", "Is it?"});
  ASSERT_EQ(chosen.exit_code, 0) << chosen.err;
  EXPECT_TRUE(chosen.json()["answer"] == "yes" || chosen.json()["answer"] == "no") << chosen.out;
}

TEST_F(Program, ServeFinishesWhatRunsBeforeItEnds) {
  Serving server({tiny(), "--shutdown-timeout", "20"});
  net::TestConnection client(server.port());
  client.request(
      "POST", "/v1/chat/completions",
      question("go on", {{"stream", true}, {"max_tokens", 300}, {"ignore_eos", true}}).dump());
  while (client.received().find("data: ") == std::string::npos && client.more()) {
  }
  server.process().send(SIGTERM);
  EXPECT_TRUE(client.answer().body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(server.process().wait().exit_code, 0);
}

TEST_F(Program, ServeNamesWhatItCannotUse) {
  const std::string model = tiny();
  Serving server({model});
  const Outcome again = run({"serve", model, "--port", std::to_string(server.port())});
  EXPECT_EQ(again.exit_code, 7);
  EXPECT_NE(again.err.find("choose another port"), std::string::npos) << again.err;
  const Outcome keys = run({"serve", model, "--api-key-file", path("missing")});
  EXPECT_EQ(keys.exit_code, 3) << keys.err;
  server.process().send(SIGINT);
  EXPECT_EQ(server.process().wait().exit_code, 0);
}

}  // namespace
}  // namespace glmv::e2e
