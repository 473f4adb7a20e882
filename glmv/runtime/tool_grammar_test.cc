#include "glmv/runtime/tool_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/runtime/toy_vocabulary_for_test.h"

namespace glmv::runtime {
namespace {

using testing::HasSubstr;

const Json kTools = Json::parse(R"([
  {"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{
    "city":{"type":"string"},"days":{"type":"integer"},"unit":{"type":"string","enum":["C","F"]},
    "opts":{"type":"object","properties":{"deep":{"type":"boolean"}},"required":["deep"]}},
    "required":["city"]}}},
  {"type":"function","function":{"name":"now"}},
  {"type":"function","function":{"name":"zip","parameters":{"type":"object","properties":{
    "code":{"type":"string","pattern":"^[0-9]{5}$"},"note":{"anyOf":[{"type":"string"},{"type":"null"}]},
    "at":{"$ref":"#/$defs/P"}},"required":["code"],
    "$defs":{"P":{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2}}}}}])");

// With tags as tokens, and with tags spelled out.
class ToolGrammar : public testing::TestWithParam<bool> {
 protected:
  std::shared_ptr<const CompiledGrammar> compile(const ToolCallRules& rules,
                                                 const Json& tools = kTools) {
    const auto source = tool_call_grammar(
        tools, rules, [this](std::string_view text) { return toy_.added_id(text); });
    EXPECT_TRUE(source) << source.error().message;
    auto grammar = compiler_.compile(*source);
    EXPECT_TRUE(grammar) << grammar.error().message;
    return grammar ? *grammar : nullptr;
  }
  bool takes(const std::shared_ptr<const CompiledGrammar>& grammar, std::string_view text) {
    return grammar_takes(toy_, grammar, text);
  }

  ToyVocabulary toy_{GetParam()};
  GrammarCompiler compiler_{toy_.vocabulary()};
};

TEST_P(ToolGrammar, OneCallOrMore) {
  const auto any = compile({});
  const std::string now = "<tool_call>now\n</tool_call>";
  EXPECT_TRUE(takes(any, now));
  EXPECT_TRUE(takes(any, "<tool_call>now</tool_call>"));
  EXPECT_TRUE(takes(any, now + "\n" + now + now));
  EXPECT_FALSE(takes(any, ""));
  EXPECT_FALSE(takes(any, "I call " + now));
  EXPECT_FALSE(takes(any, now + " done"));
  EXPECT_FALSE(takes(any, "<tool_call>later\n</tool_call>"));
  const auto one = compile({.parallel = false});
  EXPECT_TRUE(takes(one, now));
  EXPECT_FALSE(takes(one, now + now));
}

TEST_P(ToolGrammar, ANamedFunctionOnly) {
  const auto grammar = compile({.only = "get_weather"});
  EXPECT_TRUE(
      takes(grammar,
            "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>a < b & c</arg_value>\n"
            "</tool_call>"));
  EXPECT_FALSE(takes(grammar, "<tool_call>now\n</tool_call>"));
}

TEST_P(ToolGrammar, ArgumentsFollowTheirSchemas) {
  const auto grammar = compile({});
  const auto call = [](std::string_view name,
                       std::vector<std::pair<std::string, std::string>> arguments,
                       std::string_view gap = "\n") {
    std::string out = fmt::format("<tool_call>{}{}", name, gap);
    for (const auto& [key, value] : arguments) {
      out +=
          fmt::format("<arg_key>{}</arg_key>{}<arg_value>{}</arg_value>{}", key, gap, value, gap);
    }
    return out + "</tool_call>";
  };
  EXPECT_TRUE(takes(grammar, call("get_weather", {{"city", "São Paulo\n\"x\""}})));
  EXPECT_TRUE(
      takes(grammar,
            call("get_weather",
                 {{"city", "P"}, {"days", "3"}, {"unit", "C"}, {"opts", "{\"deep\": true}"}}, "")));
  EXPECT_FALSE(takes(grammar, call("get_weather", {})));  // city is required
  EXPECT_FALSE(takes(grammar, call("get_weather", {{"days", "3"}})));
  EXPECT_FALSE(takes(grammar, call("get_weather", {{"city", "P"}, {"days", "three"}})));
  EXPECT_FALSE(takes(grammar, call("get_weather", {{"city", "P"}, {"days", "3.5"}})));
  EXPECT_FALSE(takes(grammar, call("get_weather", {{"city", "P"}, {"unit", "K"}})));
  EXPECT_FALSE(
      takes(grammar, call("get_weather", {{"city", "P"}, {"unit", "\"C\""}})));  // raw text
  EXPECT_FALSE(takes(grammar, call("get_weather", {{"city", "P"}, {"opts", "{}"}})));
  EXPECT_FALSE(takes(grammar, call("get_weather", {{"town", "P"}})));
  EXPECT_TRUE(takes(grammar, call("now", {{"whatever", "x"}, {"else", "1"}})));  // nothing declared
  EXPECT_TRUE(takes(grammar, call("zip", {{"code", "12345"}, {"note", "hi"}, {"at", "[1, 2.5]"}})));
  EXPECT_FALSE(takes(grammar, call("zip", {{"code", "1234"}})));
  EXPECT_FALSE(takes(grammar, call("zip", {{"code", "12345"}, {"at", "[1]"}})));
}

TEST_P(ToolGrammar, AValueHoldsNoTag) {
  const auto grammar = compile({.only = "get_weather"});
  GrammarMatcher matcher(grammar);
  for (const int32_t id :
       toy_.encode("<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>P")) {
    ASSERT_TRUE(matcher.accept(id));
  }
  for (const int32_t id : toy_.added) {
    EXPECT_EQ(matcher.allows(id), toy_.texts[id] == "</arg_value>") << toy_.texts[id];
  }
  // Spelled out in ordinary tokens it is text where there is such a token, else it ends the value.
  for (const char c : std::string_view("</arg_value>")) ASSERT_TRUE(matcher.accept(c));
  EXPECT_EQ(matcher.allows('x'), GetParam());
}

TEST_P(ToolGrammar, ErrorsNameTheTool) {
  const auto no_id = [](std::string_view) { return std::optional<int32_t>(); };
  const auto message = [&](const Json& tools, const ToolCallRules& rules = {}) {
    const auto source = tool_call_grammar(tools, rules, no_id);
    return source ? std::string() : source.error().message;
  };
  EXPECT_THAT(message(Json::parse(R"([{"type":"function","function":{"name":"f","parameters":
                      {"type":"object","properties":{"a":{"not":{}}}}}}])")),
              HasSubstr("tools[0].function.parameters: #/properties/a/not"));
  EXPECT_THAT(message(kTools, {.only = "nobody"}), HasSubstr("nobody"));
  EXPECT_THAT(message(Json::array()), HasSubstr("no function"));
  EXPECT_THAT(message(Json::parse(R"([{"type":"function"}])")),
              HasSubstr("tools[0].function.name"));
}

INSTANTIATE_TEST_SUITE_P(Tags, ToolGrammar, testing::Values(true, false),
                         [](const auto& info) { return info.param ? "AsTokens" : "SpelledOut"; });

}  // namespace
}  // namespace glmv::runtime
