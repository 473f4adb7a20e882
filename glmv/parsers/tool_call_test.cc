#include "glmv/parsers/tool_call.h"

#include <gtest/gtest.h>

#include <array>

#include "glmv/base/random.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/reasoning.h"

namespace glmv::parsers {
namespace {

std::shared_ptr<const ToolSchemas> tools() {
  static const auto schemas = std::make_shared<const ToolSchemas>(Json::parse(R"([
    {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
      "properties": {"city": {"type": "string"}, "days": {"type": "integer"},
        "exact": {"type": "number"}, "now": {"type": "boolean"}, "list": {"type": "array"},
        "map": {"type": "object"}, "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "unit": {"enum": ["C", "F"]}, "odd": {"type": "varchar"}}}}},
    {"name": "noop"}])"));
  return schemas;
}

struct Reply {
  std::string content, reasoning;
  std::vector<ParsedCall> calls;
  std::vector<size_t> num_fragments;
  std::string conserved;
};

Reply read(const std::vector<std::string>& pieces, StartState start = StartState::kStart,
           std::shared_ptr<const ToolSchemas> schemas = tools()) {
  ReasoningParser parser({.start = start, .tools = std::move(schemas)});
  Reply reply;
  std::vector<ParsedCall> streamed;
  const auto take = [&](const ReasoningDelta& delta) {
    reply.content += delta.content;
    reply.reasoning += delta.reasoning;
    for (const ToolCallDelta& call : delta.calls) {
      if (!call.name.empty()) {
        EXPECT_EQ(call.index, streamed.size());
        streamed.push_back({.name = call.name});
        reply.num_fragments.push_back(0);
      }
      ASSERT_EQ(call.index + 1, streamed.size());
      streamed.back().arguments += call.arguments;
      reply.num_fragments.back() += !call.arguments.empty();
    }
  };
  for (const std::string& piece : pieces) take(parser.feed(piece));
  take(parser.finish());
  reply.calls = parser.result().calls;
  EXPECT_EQ(streamed.size(), reply.calls.size());
  for (size_t i = 0; i < std::min(streamed.size(), reply.calls.size()); ++i) {
    EXPECT_EQ(streamed[i].name, reply.calls[i].name);
    EXPECT_EQ(streamed[i].arguments, reply.calls[i].arguments);
    EXPECT_TRUE(Json::accept(repair_utf8(reply.calls[i].arguments))) << reply.calls[i].arguments;
  }
  for (const Segment& segment : parser.segments()) {
    if (segment.kind != SegmentKind::kInserted) reply.conserved += segment.text;
  }
  return reply;
}

std::string weather(const std::string& key, const std::string& value) {
  return "<tool_call>get_weather\n<arg_key>" + key + "</arg_key>\n<arg_value>" + value +
         "</arg_value>\n</tool_call>";
}

// The arguments of the only call of a reply without text.
std::string arguments(const std::string& output) {
  const Reply reply = read({output});
  EXPECT_EQ(reply.content, "");
  EXPECT_EQ(reply.calls.size(), 1u) << output;
  if (reply.calls.size() != 1) return {};
  EXPECT_TRUE(reply.calls[0].complete);
  return reply.calls[0].arguments;
}

TEST(ToolCall, WholeCalls) {
  EXPECT_EQ(arguments(weather("city", "Dallas")), R"({"city": "Dallas"})");
  EXPECT_EQ(arguments("<tool_call>get_weather<arg_key>city</arg_key><arg_value>Dallas</arg_value>"
                      "<arg_key>days</arg_key><arg_value>3</arg_value></tool_call>"),
            R"({"city": "Dallas", "days": 3})");
  EXPECT_EQ(arguments("<tool_call>noop</tool_call>"), "{}");
  EXPECT_EQ(arguments("  \n  <tool_call>noop\n</tool_call>"), "{}");
  EXPECT_EQ(
      arguments("<tool_call>unknown\n<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>"),
      R"({"a": 1})");
  // Without an end, the end of the call ends the value; of equal keys the last counts for readers.
  EXPECT_EQ(arguments("<tool_call>noop\n<arg_key>a</arg_key><arg_value>x</tool_call>"),
            R"({"a": "x"})");
  EXPECT_EQ(arguments("<tool_call>noop<arg_key>a<arg_value>1</arg_value></tool_call>"),
            R"({"a": 1})");
}

TEST(ToolCall, ValuesByTheirSchema) {
  const auto value = [](const std::string& key, const std::string& text) {
    std::string json = arguments(weather(key, text));
    const std::string head = "{\"" + key + "\": ";
    EXPECT_TRUE(json.starts_with(head) && json.ends_with('}')) << json;
    return json.substr(head.size(), json.size() - head.size() - 1);
  };
  EXPECT_EQ(value("days", "42"), "42");
  EXPECT_EQ(value("days", " -042 "), "-42");
  EXPECT_EQ(value("days", "1_000"), "\"1_000\"");
  EXPECT_EQ(value("days", "1.0"), "1.0");  // no integer: as JSON
  EXPECT_EQ(value("exact", "3.14"), "3.14");
  EXPECT_EQ(value("exact", "42.0"), "42");
  EXPECT_EQ(value("exact", "1e400"), "\"1e400\"");
  EXPECT_EQ(value("exact", "\"42\""), "\"42\"");
  EXPECT_EQ(value("exact", "nan"), "\"nan\"");
  EXPECT_EQ(value("now", "True"), "true");
  EXPECT_EQ(value("now", "0"), "false");
  EXPECT_EQ(value("now", "perhaps"), "\"perhaps\"");
  EXPECT_EQ(value("list", "[1, 2,{\"k\":null}]"), "[1, 2, {\"k\": null}]");
  EXPECT_EQ(value("map", "{\"k\":1}"), "{\"k\": 1}");
  EXPECT_EQ(value("maybe", "null"), "null");
  EXPECT_EQ(value("maybe", "x"), "\"x\"");
  EXPECT_EQ(value("unit", "C"), "\"C\"");
  EXPECT_EQ(value("odd", "7"), "\"7\"");
  EXPECT_EQ(value("city", "123"), "\"123\"");
  EXPECT_EQ(value("city", "    indented code    "), "\"    indented code    \"");
  EXPECT_EQ(value("city", "你好世界🎉"), "\"你好世界🎉\"");
  EXPECT_EQ(value("city", "C:\\Users\\test\t\"q\"\n\x01"),
            "\"C:\\\\Users\\\\test\\t\\\"q\\\"\\n\\u0001\"");
  EXPECT_EQ(value("city", "a < b and c > d. done"), "\"a < b and c > d. done\"");
  EXPECT_EQ(value("city", "</think> <arg_key>"), "\"</think> <arg_key>\"");
  for (const auto& [text, json] : std::vector<std::array<std::string, 2>>{{"-123", "-123"},
                                                                          {"1.5", "1.5"},
                                                                          {"123abc", "\"123abc\""},
                                                                          {"", "\"\""},
                                                                          {"[1]", "[1]"},
                                                                          {"true", "true"},
                                                                          {"True", "\"True\""}}) {
    EXPECT_EQ(value("undeclared", text), json);
  }
}

TEST(ToolCall, TextAroundCalls) {
  Reply reply = read({"Checking. " + weather("city", "Dallas")});
  EXPECT_EQ(reply.content, "Checking. ");
  EXPECT_EQ(reply.calls.size(), 1u);
  reply = read({weather("city", "a") + " and " + weather("city", "b") + "\n"});
  EXPECT_EQ(reply.content, " and ");
  EXPECT_EQ(reply.calls.size(), 2u);
  reply = read({weather("city", "a") + "\n" + weather("city", "b") + "\n\ndone"});
  EXPECT_EQ(reply.content, "\n\ndone");
  EXPECT_EQ(reply.calls.size(), 2u);
  reply = read({"x <tool", "box>"});
  EXPECT_EQ(reply.content, "x <toolbox>");
}

TEST(ToolCall, WhatIsNoCallStaysText) {
  for (const std::string text :
       {"<tool_call>   ", "text <tool_call>", "<tool_call>get_w", "<tool_call></tool_call>",
        "<tool_call>{\"a\": 1}</tool_call>", "<tool_call>f {broken</tool_call> x"}) {
    const Reply reply = read({text});
    EXPECT_EQ(reply.content, text);
    EXPECT_TRUE(reply.calls.empty());
  }
  // Nothing is a call where no function may be called.
  EXPECT_EQ(read({"a" + weather("city", "b")}, StartState::kStart, nullptr).content,
            "a" + weather("city", "b"));
}

TEST(ToolCall, JsonInsideTheTags) {
  Reply reply = read({R"(<tool_call>{"name": "f", "arguments": {"a": [1, "x"]}}</tool_call>)"});
  ASSERT_EQ(reply.calls.size(), 1u);
  EXPECT_EQ(reply.calls[0].name, "f");
  EXPECT_EQ(reply.calls[0].arguments, R"({"a": [1, "x"]})");
  reply = read({"<tool_call>f\n{\"a\": 1}\n</tool_call><tool_call>{\"name\": \"g\"}</tool_call>"});
  ASSERT_EQ(reply.calls.size(), 2u);
  EXPECT_EQ(reply.calls[0].arguments, R"({"a": 1})");
  EXPECT_EQ(reply.calls[1].arguments, "{}");
}

TEST(ToolCall, EndsAThoughtWhenTheFunctionIsDeclared) {
  Reply reply = read({"<think>need it" + weather("city", "x")});
  EXPECT_EQ(reply.reasoning, "need it");
  EXPECT_EQ(reply.content, "");
  EXPECT_EQ(reply.calls.size(), 1u);
  reply = read({"r<tool_call>what</tool_call> then</think>c"}, StartState::kReasoning);
  EXPECT_EQ(reply.reasoning, "r<tool_call>what</tool_call> then");
  EXPECT_EQ(reply.content, "c");
  EXPECT_TRUE(reply.calls.empty());
  reply = read({"<think>t</think>\n" + weather("city", "x")});
  EXPECT_EQ(reply.reasoning, "t");
  EXPECT_EQ(reply.calls.size(), 1u);
}

TEST(ToolCall, AnEndInsideLeavesValidJson) {
  const std::string output =
      "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>New \"Y\" "
      "</arg_value>\n<arg_key>days</arg_key><arg_value>12";
  for (size_t end = 0; end <= output.size(); ++end) {
    const Reply reply = read({output.substr(0, end)});
    for (const ParsedCall& call : reply.calls) EXPECT_FALSE(call.complete);
    if (end >= output.find("<arg_key>") + 9) {
      ASSERT_EQ(reply.calls.size(), 1u) << end;
      EXPECT_EQ(reply.content, "");
    } else {
      EXPECT_EQ(reply.content, output.substr(0, end));
    }
  }
}

TEST(ToolCall, LongStringsStream) {
  std::vector<std::string> pieces = {
      "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>"};
  for (int i = 0; i < 100; ++i) pieces.push_back("0123456789");
  pieces.push_back("</arg_value></tool_call>");
  const Reply reply = read(pieces);
  ASSERT_EQ(reply.calls.size(), 1u);
  EXPECT_GE(reply.num_fragments[0], 100u);
  EXPECT_EQ(reply.calls[0].arguments.size(), 1000 + std::string(R"({"city": ""})").size());
}

TEST(ToolCall, EveryCutGivesTheSame) {
  const std::vector<std::string> soup = {
      "<think>",    "</think>",    "<tool_call>",  "</tool_call>",    "<arg_key>",
      "</arg_key>", "<arg_value>", "</arg_value>", "get_weather",     "noop\n",
      "city",       "days",        "42",           "a \"b\"",         "\n",
      " ",          "<",           "</arg",        "{\"a\": 1}",      "\xE4\xBD",
      "<|user|>",   "<answer>",    "</answer>",    "<|begin_of_box|>"};
  Random random(3);
  for (int round = 0; round < 4000; ++round) {
    std::string output;
    for (uint64_t n = random.below(16); n > 0; --n) {
      output += random.below(4) == 0 ? weather(soup[random.below(soup.size())], "v")
                                     : soup[random.below(soup.size())];
    }
    const StartState start = static_cast<StartState>(random.below(3));
    SCOPED_TRACE(output);
    const Reply whole = read({output}, start);
    EXPECT_EQ(whole.conserved, output);
    for (const size_t size : {size_t{1}, 1 + random.below(9)}) {
      std::vector<std::string> pieces;
      for (size_t at = 0; at < output.size(); at += size) pieces.push_back(output.substr(at, size));
      const Reply cut = read(pieces, start);
      EXPECT_EQ(cut.content, whole.content);
      EXPECT_EQ(cut.reasoning, whole.reasoning);
      ASSERT_EQ(cut.calls.size(), whole.calls.size());
      for (size_t i = 0; i < cut.calls.size(); ++i) {
        EXPECT_EQ(cut.calls[i].arguments, whole.calls[i].arguments);
        EXPECT_EQ(cut.calls[i].complete, whole.calls[i].complete);
      }
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace glmv::parsers
