#include "glmv/parsers/tool_schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "glmv/base/utf8.h"
#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr int kMaxSchemaDepth = 16;

struct TypeName {
  std::string_view prefix;
  bool whole;  // the whole name, not only its beginning
  ArgumentType type;
};

// JSON schema's names first, then what people write instead.
constexpr TypeName kTypeNames[] = {
    {"null", true, kNullType},         {"integer", true, kIntegerType},
    {"number", true, kNumberType},     {"boolean", true, kBooleanType},
    {"object", true, kObjectType},     {"array", true, kArrayType},
    {"string", true, kStringType},     {"str", true, kStringType},
    {"text", true, kStringType},       {"varchar", true, kStringType},
    {"char", true, kStringType},       {"enum", true, kStringType},
    {"int", false, kIntegerType},      {"uint", false, kIntegerType},
    {"long", false, kIntegerType},     {"short", false, kIntegerType},
    {"unsigned", false, kIntegerType}, {"float", false, kNumberType},
    {"double", true, kNumberType},     {"bool", true, kBooleanType},
    {"dict", false, kObjectType},      {"list", false, kArrayType},
    {"arr", false, kArrayType},        {"sequence", true, kArrayType},
};

ArgumentTypes named_type(const Json& name) {
  if (!name.is_string()) return kUndeclared;
  const std::string& text = name.get_ref<const std::string&>();
  for (const TypeName& row : kTypeNames) {
    if (row.whole ? text == row.prefix : text.starts_with(row.prefix)) return row.type;
  }
  return kUndeclared;
}

ArgumentTypes type_of(const Json& value) {
  if (value.is_null()) return kNullType;
  if (value.is_boolean()) return kBooleanType;
  if (value.is_number_integer()) return kIntegerType;
  if (value.is_number()) return kNumberType;
  if (value.is_object()) return kObjectType;
  return value.is_array() ? kArrayType : kStringType;
}

ArgumentTypes declared_types(const Json& schema, int depth) {
  if (!schema.is_object() || depth > kMaxSchemaDepth) return kUndeclared;
  ArgumentTypes types = kUndeclared;
  if (const auto type = schema.find("type"); type != schema.end()) {
    if (!type->is_array()) types |= named_type(*type);
    if (type->is_array()) {
      for (const Json& name : *type) types |= named_type(name);
    }
  }
  if (const auto values = schema.find("enum"); values != schema.end() && values->is_array()) {
    for (const Json& value : *values) types |= type_of(value);
  }
  if (const auto value = schema.find("const"); value != schema.end()) types |= type_of(*value);
  for (const char* name : {"anyOf", "oneOf", "allOf"}) {
    const auto list = schema.find(name);
    if (list == schema.end() || !list->is_array()) continue;
    for (const Json& item : *list) types |= declared_types(item, depth + 1);
  }
  return types;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

std::optional<std::string> as_integer(std::string_view text) {
  text = trim_white_space(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  return (negative && text != "0" ? "-" : "") + std::string(text);
}

std::optional<std::string> as_number(std::string_view text) {
  text = trim_white_space(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  // What from_chars takes and Python's float() does too, without "inf" and "nan".
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != text.npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  constexpr double kExact = 9007199254740992.0;  // 2^53: every whole number below is a double
  if (value == std::trunc(value) && std::abs(value) <= kExact) {
    return std::to_string(static_cast<int64_t>(value));
  }
  return Json(value).dump();
}

std::optional<std::string> as_boolean(std::string_view text) {
  text = trim_white_space(text);
  if (text == "1" || equals_ignoring_case(text, "true")) return "true";
  if (text == "0" || equals_ignoring_case(text, "false")) return "false";
  return std::nullopt;
}

std::string json_string(std::string_view text) { return '"' + json_escaped(text) + '"'; }

}  // namespace

ToolSchemas::ToolSchemas(const Json& tools) {
  if (!tools.is_array()) return;
  for (const Json& tool : tools) {
    if (!tool.is_object()) continue;
    const Json& function = tool.contains("function") ? tool["function"] : tool;
    if (!function.is_object() || !function.contains("name")) continue;
    const Json& name = function["name"];
    if (!name.is_string()) continue;
    Arguments& arguments = functions_[name.get<std::string>()];
    const auto parameters = function.find("parameters");
    if (parameters == function.end() || !parameters->is_object()) continue;
    const auto properties = parameters->find("properties");
    if (properties == parameters->end() || !properties->is_object()) continue;
    for (const auto& [key, schema] : properties->items()) arguments[key] = schema_types(schema);
  }
}

ArgumentTypes ToolSchemas::types(std::string_view function, std::string_view key) const {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return kUndeclared;
  const auto argument = found->second.find(key);
  return argument == found->second.end() ? kUndeclared : argument->second;
}

ArgumentTypes schema_types(const Json& schema) {
  const ArgumentTypes types = declared_types(schema, 0);
  return types == kUndeclared ? ArgumentTypes{kStringType} : types;
}

std::string argument_json(std::string_view text, ArgumentTypes types) {
  const auto has = [types](ArgumentType type) { return (types & type) != 0; };
  if (has(kNullType) && equals_ignoring_case(trim_white_space(text), "null")) return "null";
  if (has(kIntegerType)) {
    if (auto json = as_integer(text)) return *json;
  }
  if (has(kNumberType)) {
    if (auto json = as_number(text)) return *json;
  }
  if (has(kBooleanType)) {
    if (auto json = as_boolean(text)) return *json;
  }
  if (has(kStringType) && !has(kObjectType) && !has(kArrayType)) return json_string(text);
  const Result<Json> json = parse_json(text, "argument");
  const bool any = !has(kStringType);  // nothing but JSON fits, or no type does
  if (json &&
      (any || (has(kObjectType) && json->is_object()) || (has(kArrayType) && json->is_array()))) {
    return spaced_json(*json);
  }
  return json_string(text);
}

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string spaced_json(const Json& json) {
  if (json.is_string()) return json_string(json.get_ref<const std::string&>());
  if (!json.is_structured()) return json.dump();
  std::string out(1, json.is_object() ? '{' : '[');
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    if (!std::exchange(first, false)) out += ", ";
    if (json.is_object()) out += json_string(key) + ": ";
    out += spaced_json(value);
  }
  return out + (json.is_object() ? '}' : ']');
}

}  // namespace glmv::parsers
