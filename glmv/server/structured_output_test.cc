#include "glmv/server/structured_output.h"

#include <gtest/gtest.h>

namespace glmv::server {
namespace {

using Kind = api::ConstraintKind;

TEST(StructuredOutput, EverySpelling) {
  struct Row {
    const char* body;
    Kind kind;
    const char* text;
    const char* field;
  };
  const Row rows[] = {
      {R"({"response_format":{"type":"json_object"}})", Kind::kJsonObject, "", "response_format"},
      {R"({"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"null"}}}})",
       Kind::kJsonSchema, R"({"type":"null"})", "response_format.json_schema.schema"},
      {R"({"response_format":{"type":"structural_tag","format":{}}})", Kind::kStructuralTag,
       R"({"type":"structural_tag","format":{}})", "response_format"},
      {R"({"structured_outputs":{"json":{"type":"null"}}})", Kind::kJsonSchema,
       R"({"type":"null"})", "structured_outputs.json"},
      {R"({"structured_outputs":{"json":"{\"type\": \"null\"}"}})", Kind::kJsonSchema,
       R"({"type": "null"})", "structured_outputs.json"},
      {R"({"structured_outputs":{"regex":"a+"}})", Kind::kRegex, "a+", "structured_outputs.regex"},
      {R"({"structured_outputs":{"choice":["a","b"]}})", Kind::kChoice, R"(["a","b"])",
       "structured_outputs.choice"},
      {R"({"structured_outputs":{"grammar":"root ::= \"a\""}})", Kind::kEbnf, "root ::= \"a\"",
       "structured_outputs.grammar"},
      {R"({"structured_outputs":{"json_object":true}})", Kind::kJsonObject, "",
       "structured_outputs.json_object"},
      {R"({"structured_outputs":{"structural_tag":"{}"}})", Kind::kStructuralTag, "{}",
       "structured_outputs.structural_tag"},
      {R"({"guided_json":{"type":"null"}})", Kind::kJsonSchema, R"({"type":"null"})",
       "guided_json"},
      {R"({"guided_regex":"a"})", Kind::kRegex, "a", "guided_regex"},
      {R"({"guided_choice":["x"]})", Kind::kChoice, R"(["x"])", "guided_choice"},
      {R"({"guided_grammar":"g"})", Kind::kEbnf, "g", "guided_grammar"},
      {R"({"regex":"a"})", Kind::kRegex, "a", "regex"},
      {R"({"ebnf":"e"})", Kind::kEbnf, "e", "ebnf"},
      {R"({"json_schema":{"type":"null"}})", Kind::kJsonSchema, R"({"type":"null"})",
       "json_schema"},
      {R"({"grammar":"g"})", Kind::kGbnf, "g", "grammar"}};
  for (const Row& row : rows) {
    const auto found = read_structured_output(Json::parse(row.body));
    ASSERT_TRUE(found) << row.body << found.error().message;
    ASSERT_TRUE(*found) << row.body;
    EXPECT_EQ((*found)->kind, row.kind) << row.body;
    EXPECT_EQ((*found)->text, row.text);
    EXPECT_EQ((*found)->field, row.field);
  }
  for (const char* body :
       {"{}", R"({"response_format":{"type":"text"}})", R"({"response_format":null})",
        R"({"structured_outputs":{"json_object":false}})", R"({"regex":null})"}) {
    const auto found = read_structured_output(Json::parse(body));
    ASSERT_TRUE(found) << body;
    EXPECT_FALSE(*found) << body;
  }
}

TEST(StructuredOutput, ErrorsNameTheField) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"response_format":5})", "response_format"},
      {R"({"response_format":{"type":"xml"}})", "response_format.type"},
      {R"({"response_format":{"type":"json_schema"}})", "response_format.json_schema"},
      {R"({"response_format":{"type":"json_schema","json_schema":{"name":"n"}}})",
       "response_format.json_schema.schema"},
      {R"({"response_format":{"type":"json_schema","json_schema":{"schema":[]}}})",
       "response_format.json_schema.schema"},
      {R"({"structured_outputs":[]})", "structured_outputs"},
      {R"({"structured_outputs":{"choice":"a"}})", "structured_outputs.choice"},
      {R"({"structured_outputs":{"regex":"a","choice":["a"]}})", "structured_outputs.choice"},
      {R"({"response_format":{"type":"json_object"},"guided_regex":"a"})", "guided_regex"},
      {R"({"regex":1})", "regex"},
      {R"({"grammar":{}})", "grammar"}};
  for (const auto& [body, param] : rows) {
    const auto found = read_structured_output(Json::parse(body));
    ASSERT_FALSE(found) << body;
    EXPECT_EQ(found.error().status, 400);
    EXPECT_EQ(found.error().param, param) << body;
  }
}

}  // namespace
}  // namespace glmv::server
