#include "glmv/chat/structured_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/chat/fake_engine_for_test.h"
#include "glmv/chat/local_backend.h"
#include "glmv/chat/tiny_checkpoint_for_test.h"

namespace glmv::chat {
namespace {

using testing::HasSubstr;
using Start = runtime::AnswerGrammar::Start;

// A backend whose engine keeps the requests; every reply is empty.
struct Bench {
  explicit Bench(const std::vector<std::string>& without = {}, int num_replies = 8)
      : checkpoint({}, without), processor(checkpoint.processor()) {
    std::vector<FakeScript> scripts(num_replies, FakeScript::tokens({}));
    auto fake = std::make_unique<FakeEngine>(std::move(scripts));
    engine = fake.get();
    backend =
        std::make_unique<LocalBackend>(std::move(fake), processor, checkpoint::GenerationConfig{});
  }

  // The engine's request.
  runtime::Request job(api::ChatRequest request) {
    request.messages = {text::Message::user("Hi")};
    const auto reply = backend->chat(request, {});
    EXPECT_TRUE(reply) << reply.error().message;
    return engine->requests.back();
  }
  std::string error(api::ChatRequest request) {
    request.messages = {text::Message::user("Hi")};
    const auto reply = backend->chat(request, {});
    EXPECT_FALSE(reply);
    EXPECT_TRUE(engine->requests.empty());  // before any compute
    if (reply) return "";
    EXPECT_EQ(reply.error().code, Code::kInvalidArgument);
    return reply.error().message;
  }
  int32_t id(std::string_view name) const { return *processor->tokenizer().token_id(name); }

  // Whether the grammar takes the text, special tokens where they stand in it.
  bool takes(const runtime::Request& job, std::string_view text) const {
    runtime::GrammarMatcher matcher(job.answer.grammar);
    const std::vector<int32_t> tokens = processor->tokenizer().encode(text).value();
    for (const int32_t token : tokens) {
      if (!matcher.accept(token)) return false;
    }
    return matcher.is_complete();
  }

  TinyCheckpoint checkpoint;
  std::shared_ptr<const processing::Processor> processor;
  FakeEngine* engine = nullptr;
  std::unique_ptr<LocalBackend> backend;
};

api::ChatRequest with(api::ConstraintKind kind, std::string text) {
  api::ChatRequest request;
  request.constraint = api::Constraint{kind, std::move(text), "response_format"};
  return request;
}

TEST(StructuredAnswers, EveryKindBecomesAGrammar) {
  Bench bench;
  using Kind = api::ConstraintKind;
  const auto schema = bench.job(
      with(Kind::kJsonSchema, R"({"type":"object","properties":{"a":{"type":"integer"}}})"));
  EXPECT_TRUE(bench.takes(schema, R"({"a": 1})"));
  EXPECT_FALSE(bench.takes(schema, R"({"a": "x"})"));
  EXPECT_TRUE(bench.takes(bench.job(with(Kind::kJsonObject, "")), R"({"b": [1, null]})"));
  EXPECT_TRUE(bench.takes(bench.job(with(Kind::kRegex, "[ab]+c")), "abc"));
  EXPECT_TRUE(bench.takes(bench.job(with(Kind::kChoice, R"(["yes","no"])")), "no"));
  EXPECT_TRUE(bench.takes(bench.job(with(Kind::kEbnf, "root ::= \"x\"")), "x"));
  EXPECT_TRUE(bench.takes(bench.job(with(Kind::kGbnf, "root ::= . \"x\"")), "yx"));
  EXPECT_TRUE(bench.takes(
      bench.job(with(Kind::kStructuralTag, R"({"format":{"type":"const_string","value":"z"}})")),
      "z"));
  EXPECT_EQ(bench.job({}).answer.grammar, nullptr);
}

TEST(StructuredAnswers, MarkersNeverAppearInAnAnswer) {
  Bench bench;
  const auto job = bench.job(with(api::ConstraintKind::kRegex, "(.|\n)*"));
  runtime::GrammarMatcher matcher(job.answer.grammar);
  for (const char* name : {"<|begin_of_box|>", "<|end_of_box|>", "<answer>", "<think>", "</think>",
                           "<|image|>", "<|assistant|>"}) {
    EXPECT_FALSE(matcher.allows(bench.id(name))) << name;
  }
  for (const char* name : {"<|endoftext|>", "<|user|>", "<|observation|>", "</answer>"}) {
    EXPECT_TRUE(matcher.allows(bench.id(name))) << name;
    EXPECT_THAT(job.stop.stop_token_ids, testing::Contains(bench.id(name)));
  }
}

TEST(StructuredAnswers, WhereTheAnswerBegins) {
  Bench bench;
  auto request = with(api::ConstraintKind::kChoice, R"(["yes"])");
  auto job = bench.job(request);  // 4.1V: a thought may come, then <answer>
  EXPECT_EQ(job.answer.start, Start::kMaybeThought);
  EXPECT_THAT(job.answer.open_ids, testing::ElementsAre(bench.id("<answer>")));
  request.thinking = api::Thinking::kOff;
  job = bench.job(request);
  EXPECT_EQ(job.answer.start, Start::kBehindThought);
  Bench plain({"<answer>", "</answer>"});
  job = plain.job(with(api::ConstraintKind::kChoice, R"(["yes"])"));
  EXPECT_TRUE(job.answer.open_ids.empty());
  Bench spelled({"<think>", "</think>", "<answer>", "</answer>"});
  job = spelled.job(with(api::ConstraintKind::kChoice, R"(["yes"])"));
  EXPECT_LT(job.thinking.think_start_id, 0);  // so with the first token
}

TEST(StructuredAnswers, RequiredToolCalls) {
  Bench bench;
  api::ChatRequest request;
  request.tools = Json::parse(
      R"([{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}])");
  request.tool_choice = api::ToolChoice::kRequired;
  const std::string f = "<tool_call>f\n</tool_call>", g = "<tool_call>g\n</tool_call>";
  EXPECT_TRUE(bench.takes(bench.job(request), f + g));
  request.parallel_tool_calls = false;
  EXPECT_FALSE(bench.takes(bench.job(request), f + g));
  request.tool_choice = api::ToolChoice::kNamed;
  request.tool_name = "g";
  EXPECT_TRUE(bench.takes(bench.job(request), g));
  EXPECT_FALSE(bench.takes(bench.job(request), f));
  request.tool_choice = api::ToolChoice::kAuto;
  EXPECT_EQ(bench.job(request).answer.grammar, nullptr);
}

TEST(StructuredAnswers, StrictFunctionsUnderAuto) {
  Bench bench;
  api::ChatRequest request;
  request.tools = Json::parse(R"([
    {"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object",
      "properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}}},
    {"type":"function","function":{"name":"g","parameters":{"type":"object",
      "properties":{"n":{"type":"integer"}},"required":["n"]}}}])");
  const auto job = bench.job(request);
  ASSERT_NE(job.answer.grammar, nullptr);
  EXPECT_EQ(job.answer.trigger_id, bench.id("<tool_call>"));
  EXPECT_FALSE(testing::Value(job.stop.stop_token_ids, testing::Contains(bench.id("</answer>"))));
  const auto call = [](const char* name, const char* key, const char* value) {
    return fmt::format(
        "<tool_call>{}\n<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>\n</tool_call>", name, key,
        value);
  };
  EXPECT_TRUE(bench.takes(job, call("f", "n", "12")));
  EXPECT_FALSE(bench.takes(job, call("f", "n", "twelve")));
  EXPECT_FALSE(bench.takes(job, call("f", "m", "12")));
  EXPECT_FALSE(bench.takes(job, "<tool_call>f\n</tool_call>"));
  EXPECT_TRUE(bench.takes(job, call("g", "n", "twelve")));
  EXPECT_TRUE(bench.takes(job, "<tool_call>g\n</tool_call>"));
  EXPECT_FALSE(bench.takes(job, call("h", "n", "12")));
  // A response format leaves no room for calls, "none" offers none, and spelled-out tags are text.
  auto formed = request;
  formed.constraint = api::Constraint{api::ConstraintKind::kJsonObject, "", "response_format"};
  EXPECT_LT(bench.job(formed).answer.trigger_id, 0);
  auto none = request;
  none.tool_choice = api::ToolChoice::kNone;
  EXPECT_EQ(bench.job(none).answer.grammar, nullptr);
  Bench spelled({"<tool_call>", "</tool_call>"});
  EXPECT_EQ(spelled.job(request).answer.grammar, nullptr);
}

TEST(StructuredAnswers, ErrorsComeBeforeAnyCompute) {
  Bench bench;
  EXPECT_THAT(
      bench.error(with(api::ConstraintKind::kJsonSchema, R"({"properties":{"a":{"not":{}}}})")),
      HasSubstr("response_format: #/properties/a/not"));
  EXPECT_THAT(bench.error(with(api::ConstraintKind::kRegex, "(")), HasSubstr("response_format: "));
  api::ChatRequest request;
  request.tool_choice = api::ToolChoice::kNamed;
  request.tool_name = "h";
  request.tools = Json::parse(R"([{"type":"function","function":{"name":"f"}}])");
  EXPECT_THAT(bench.error(request), HasSubstr("tool_choice: "));
  request.tool_choice = api::ToolChoice::kAuto;
  request.tools = Json::parse(R"([{"type":"function","function":{"name":"f","strict":true,
    "parameters":{"type":"object","properties":{"a":{"not":{}}}}}}])");
  EXPECT_THAT(bench.error(request), HasSubstr("tools[0].function.parameters: #/properties/a/not"));
}

}  // namespace
}  // namespace glmv::chat
