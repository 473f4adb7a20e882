#include "glmv/runtime/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmv::runtime {
namespace {

using testing::HasSubstr;

// Objects compare in any order.
nlohmann::json prepared(std::string_view schema) {
  const auto out = prepare_json_schema(Json::parse(schema));
  EXPECT_TRUE(out) << schema << ": " << out.error().message;
  return out ? nlohmann::json(*out) : nlohmann::json();
}

std::string error(std::string_view schema) {
  const auto out = prepare_json_schema(Json::parse(schema));
  EXPECT_FALSE(out) << schema << " became " << out->dump();
  return out ? "" : out.error().message;
}

TEST(JsonSchema, WhatIsNotEnforcedIsNamedByItsPointer) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"properties":{"a":{"not":{}}}})", "#/properties/a/not"},
      {R"({"type":"array","items":{"contains":{}}})", "#/items/contains"},
      {R"({"type":"object","patternProperties":{}})", "#/patternProperties"},
      {R"({"if":{},"then":{}})", "#/if"},
      {R"({"type":"array","uniqueItems":true})", "#/uniqueItems"},
      {R"({"type":"string","format":"colour"})", "#/format"},
      {R"({"type":"string","pattern":"a","minLength":2})", "#/pattern"},
      {R"({"type":"string","pattern":"a\\\\b"})", "#/pattern"},
      {R"({"type":"number","multipleOf":0.1})", "#/multipleOf"},
      {R"({"anyOf":[{"type":"string"},{"dependentRequired":{}}]})", "#/anyOf/1/dependentRequired"},
      {R"({"$ref":"#/$defs/A","$defs":{"A":{"type":"array","items":{"not":{}}}}})",
       "#/$defs/A/items/not"},
      {R"({"enum":[1,2],"minimum":2})", "#/minimum"},
      {R"({"type":"thing"})", "#/type"},
      {R"({"type":"object","properties":[]})", "#/properties"},
      {R"({"type":"string","minLength":5,"maxLength":2})", "#/minLength"},
      {R"({"type":"string","minLength":-1})", "#/minLength"},
      {R"({"type":"integer","minimum":5,"maximum":2})", "no number"},
      {R"({"type":"integer","minimum":1e17})", "#/minimum"},
      {R"({"type":"object","required":["a"],"additionalProperties":false})", "#/required"},
      {R"({"$ref":"#/$defs/Missing"})", "#/$ref"},
      {R"({"$ref":"http://example.com/s"})", "not inside"},
      {R"({"anyOf":[]})", "#/anyOf"},
      {R"({"type":"object","properties":{"a":false},"required":["a"]})", "#/properties/a"},
      {R"({"allOf":[{"type":"string"},{"type":"integer"}]})", "nothing"},
      {R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})", "#/pattern"},
      {R"(3)", "#"}};
  for (const auto& [schema, pointer] : rows)
    EXPECT_THAT(error(schema), HasSubstr(pointer)) << schema;
}

TEST(JsonSchema, AnnotationsAreDropped) {
  EXPECT_EQ(
      prepared(R"({"title":"T","description":"d","default":1,"examples":[1],"$schema":"s","$id":"i",
                         "$comment":"c","x-order":2,"type":"boolean"})"),
      nlohmann::json::parse(R"({"type":"boolean"})"));
  EXPECT_EQ(prepared(R"({"description":"anything"})"), nlohmann::json(true));
}

TEST(JsonSchema, PartsThatHoldTogetherAreMerged) {
  EXPECT_EQ(
      prepared(
          R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},
                                  {"properties":{"b":{"type":"null"},"a":{"minimum":3}}}]})"),
      nlohmann::json::parse(
          R"({"type":"object","properties":{"a":{"type":"integer","minimum":3,"maximum":9000000000000000},"b":{"type":"null"}},
                            "required":["a"],"additionalProperties":false})"));
  EXPECT_EQ(
      prepared(R"({"type":"integer","minimum":1,"anyOf":[{"maximum":3},{"minimum":7}]})"),
      nlohmann::json::parse(
          R"({"anyOf":[{"type":"integer","minimum":1,"maximum":3},{"type":"integer","minimum":7,"maximum":9000000000000000}]})"));
  EXPECT_EQ(prepared(R"({"type":["number","string"],"allOf":[{"type":"integer"}]})"),
            nlohmann::json::parse(R"({"type":"integer"})"));
  EXPECT_EQ(
      prepared(
          R"({"$ref":"#/$defs/A","maxLength":4,"$defs":{"A":{"type":"string","maxLength":9}}})"),
      nlohmann::json::parse(R"({"type":"string","maxLength":4})"));
}

TEST(JsonSchema, WholeNumbersHaveWholeBounds) {
  EXPECT_EQ(prepared(R"({"type":"integer","exclusiveMinimum":0,"maximum":3.7})"),
            nlohmann::json::parse(R"({"type":"integer","minimum":1,"maximum":3})"));
  EXPECT_EQ(prepared(R"({"type":"integer","minimum":2,"exclusiveMinimum":0.5})"),
            nlohmann::json::parse(R"({"type":"integer","minimum":2,"maximum":9000000000000000})"));
  // What zod writes for every integer.
  EXPECT_EQ(
      prepared(R"({"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991})"),
      nlohmann::json::parse(R"({"type":"integer"})"));
}

TEST(JsonSchema, EnumsAndConstantsOfAType) {
  EXPECT_EQ(prepared(R"({"type":"string","enum":["a",1,null]})"),
            nlohmann::json::parse(R"({"enum":["a"]})"));
  EXPECT_THAT(error(R"({"type":"string","enum":[1]})"), HasSubstr("#/enum"));
  EXPECT_THAT(error(R"({"type":"string","const":1})"), HasSubstr("#/const"));
}

TEST(JsonSchema, ReferencesThatLeadBack) {
  const nlohmann::json tree =
      prepared(R"({"$ref":"#/definitions/T","definitions":{"T":{"type":"array",
                                 "items":{"$ref":"#/definitions/T"}}}})");
  EXPECT_EQ(tree["$defs"].size(), 1);
  EXPECT_THAT(error(R"({"$ref":"#"})"), HasSubstr("itself"));
  EXPECT_THAT(error(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})"), HasSubstr("itself"));
  EXPECT_THAT(
      error(
          R"({"$ref":"#/$defs/A","$defs":{"A":{"$ref":"#/$defs/B"},"B":{"anyOf":[{"$ref":"#/$defs/A"}]}}})"),
      HasSubstr("itself"));
  EXPECT_THAT(
      error(
          R"({"$ref":"#/$defs/A","$defs":{"A":{"type":"object","allOf":[{"$ref":"#/$defs/A"}]}}})"),
      HasSubstr("#"));
}

TEST(JsonSchema, AlternativesOfAlternativesAreLimited) {
  Json options = Json::array();
  for (int i = 0; i < 40; ++i) options.push_back({{"minimum", i}});
  Json schema = {{"type", "integer"}, {"allOf", Json::array()}};
  for (int i = 0; i < 6; ++i) schema["allOf"].push_back({{"anyOf", options}});
  EXPECT_THAT(error(schema.dump()), HasSubstr("too many"));
}

}  // namespace
}  // namespace glmv::runtime
