#pragma once
// The declared functions of a request, as far as reading their calls needs them: names, and the
// JSON types that each argument may have.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "glmv/base/json.h"

namespace glmv::parsers {

// A set of JSON types.
enum ArgumentType : uint8_t {
  kNullType = 1,
  kIntegerType = 2,
  kNumberType = 4,
  kBooleanType = 8,
  kObjectType = 16,
  kArrayType = 32,
  kStringType = 64,
};
using ArgumentTypes = uint8_t;
// Of an argument that no schema describes.
inline constexpr ArgumentTypes kUndeclared = 0;

class ToolSchemas {
 public:
  ToolSchemas() = default;
  // OpenAI's list of {"type": "function", "function": {...}}, or of the inner objects; null: none.
  // Entries of another form are passed over.
  explicit ToolSchemas(const Json& tools);

  bool has(std::string_view function) const { return functions_.contains(function); }
  // kUndeclared where neither the function nor the key is known.
  ArgumentTypes types(std::string_view function, std::string_view key) const;

 private:
  using Arguments = std::map<std::string, ArgumentTypes, std::less<>>;
  std::map<std::string, Arguments, std::less<>> functions_;
};

// The types that a JSON schema allows: "type", "enum", "const", anyOf, oneOf, allOf; string if it
// names none.
ArgumentTypes schema_types(const Json& schema);

// The text of an argument as JSON text, read as the first of null, integer, number, boolean,
// object, array, string that the types have and the text fits; else as JSON if it is any, else as a
// string.
std::string argument_json(std::string_view text, ArgumentTypes types);

// Inside of a JSON string, without the quotes. Bytes that need no escape pass, whatever they are.
std::string json_escaped(std::string_view text);
// On one line, as Python's json.dumps(ensure_ascii=False) writes it.
std::string spaced_json(const Json& json);

}  // namespace glmv::parsers
