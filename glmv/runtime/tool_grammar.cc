#include "glmv/runtime/tool_grammar.h"

#include <algorithm>

#include "glmv/runtime/json_schema.h"

namespace glmv::runtime {
namespace {

constexpr std::string_view kCallOpen = "<tool_call>", kCallClose = "</tool_call>";
constexpr std::string_view kKeyOpen = "<arg_key>", kKeyClose = "</arg_key>";
constexpr std::string_view kValueOpen = "<arg_value>", kValueClose = "</arg_value>";
// Of references among a schema's alternatives; behind it a value is JSON, strings in quotes.
constexpr int kMaxUnfolded = 8;

Json text(std::string_view value) { return {{"type", "const_string"}, {"value", value}}; }
Json sequence(Json elements) { return {{"type", "sequence"}, {"elements", std::move(elements)}}; }
Json any_of(Json elements) {
  if (elements.size() == 1) return elements[0];
  return {{"type", "or"}, {"elements", std::move(elements)}};
}
Json wrap(const char* type, Json content) {
  return {{"type", type}, {"content", std::move(content)}};
}
Json regex(std::string_view pattern) { return {{"type", "regex"}, {"pattern", pattern}}; }
Json line_break() { return wrap("optional", text("\n")); }

// Text that no parser takes for a tag.
Json text_without_tags() {
  return {{"type", "any_text"},
          {"excludes", {kValueClose, kCallClose, kValueOpen, kKeyOpen, kKeyClose, kCallOpen}}};
}

class Builder {
 public:
  explicit Builder(const TokenLookup& token_id) : token_id_(token_id) {}

  Result<Json> call(const std::string& name, const Json& parameters) const {
    GLMV_ASSIGN(Json arguments, arguments_of(parameters));
    Json elements = {tag(kCallOpen), text(name), line_break()};
    for (Json& argument : arguments) elements.push_back(std::move(argument));
    elements.push_back(tag(kCallClose));
    return sequence(std::move(elements));
  }

 private:
  Json tag(std::string_view name) const {
    if (const auto id = token_id_(name)) return {{"type", "token"}, {"token", *id}};
    return text(name);
  }

  Json argument(Json key, Json value) const {
    return sequence({tag(kKeyOpen), std::move(key), tag(kKeyClose), line_break(), tag(kValueOpen),
                     std::move(value), tag(kValueClose), line_break()});
  }

  Result<Json> arguments_of(const Json& parameters) const {
    const Json schema = parameters.is_null() ? Json::object() : parameters;
    GLMV_ASSIGN(const Json prepared, prepare_json_schema(schema));
    const Json definitions = prepared.is_object() ? prepared.value("$defs", Json()) : Json();
    const Json object = unfold(prepared, definitions);
    const bool is_object = object.is_object() && object.value("type", Json()) == "object";
    if (!is_object && object != Json(true)) {
      return invalid_argument("#: the parameters of a function must be one object schema");
    }
    const Json required = is_object ? object.value("required", Json::array()) : Json::array();
    Json out = Json::array();
    if (is_object && object.contains("properties")) {
      for (const auto& [name, value] : object["properties"].items()) {
        Json one = argument(text(name), value_of(value, definitions, 0));
        const bool needed = std::ranges::find(required, Json(name)) != required.end();
        out.push_back(needed ? std::move(one) : wrap("optional", std::move(one)));
      }
    }
    const Json others = is_object ? object.value("additionalProperties", Json(true)) : Json(true);
    if (others != Json(false)) {
      out.push_back(wrap("star", argument(regex("[^<>\\n]+"), value_of(others, definitions, 0))));
    }
    return out;
  }

  // A tag that is a token is no text, however the text is spelled.
  Json free_text() const {
    return token_id_(kValueClose) ? regex("[^\\x00]*") : text_without_tags();
  }

  static Json unfold(Json schema, const Json& definitions) {
    constexpr std::string_view kPrefix = "#/$defs/";
    for (int i = 0; i < kMaxUnfolded && schema.is_object() && schema.contains("$ref"); ++i) {
      const Json target = definitions[schema["$ref"].get<std::string>().substr(kPrefix.size())];
      schema = target;
    }
    return schema;
  }

  static Json json_value(Json schema, const Json& definitions) {
    if (schema.is_object() && !definitions.is_null()) schema["$defs"] = definitions;
    return {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
  }

  static Json literal(const Json& value) {
    return text(value.is_string() ? value.get<std::string>() : value.dump());
  }

  // `schema` is prepared.
  Json value_of(const Json& folded, const Json& definitions, int depth) const {
    const Json schema = unfold(folded, definitions);
    if (schema.is_boolean() || schema.empty()) return free_text();
    for (const char* key : {"anyOf", "oneOf"}) {
      if (!schema.contains(key) || depth > kMaxUnfolded) continue;
      Json options = Json::array();
      for (const Json& option : schema[key]) {
        options.push_back(value_of(option, definitions, depth + 1));
      }
      // Free text holds all other values.
      for (const Json& option : options) {
        if (option == free_text()) return option;
      }
      return any_of(std::move(options));
    }
    if (schema.contains("const")) return literal(schema["const"]);
    if (schema.contains("enum")) {
      Json options = Json::array();
      for (const Json& value : schema["enum"]) options.push_back(literal(value));
      return any_of(std::move(options));
    }
    if (schema.value("type", Json()) != "string") return json_value(schema, definitions);
    if (schema.contains("pattern")) return regex(schema["pattern"].get<std::string>());
    if (!schema.contains("minLength") && !schema.contains("maxLength")) return free_text();
    return regex(fmt::format("[^<]{{{},{}}}", schema.value("minLength", int64_t{0}),
                             schema.contains("maxLength") ? schema["maxLength"].dump() : ""));
  }

  const TokenLookup& token_id_;
};

}  // namespace

Result<GrammarSource> tool_call_grammar(const Json& tools, const ToolCallRules& rules,
                                        const TokenLookup& token_id) {
  const Builder builder(token_id);
  Json calls = Json::array();
  for (size_t i = 0; tools.is_array() && i < tools.size(); ++i) {
    const Json function =
        tools[i].is_object() ? tools[i].value("function", Json::object()) : Json::object();
    const Json name = function.is_object() ? function.value("name", Json()) : Json();
    if (!name.is_string()) return invalid_argument("tools[{}].function.name: is missing", i);
    if (!rules.only.empty() && name != rules.only) continue;
    const bool is_free = rules.strict_only && function.value("strict", Json()) != Json(true);
    auto call = builder.call(name, is_free ? Json() : function.value("parameters", Json()));
    if (!call) return in_context(fmt::format("tools[{}].function.parameters", i), call.error());
    calls.push_back(std::move(*call));
  }
  if (calls.empty()) {
    return rules.only.empty()
               ? invalid_argument("tools: there is no function to call")
               : invalid_argument("tool_choice: there is no function \"{}\" in tools", rules.only);
  }
  Json format = any_of(std::move(calls));
  if (rules.parallel) {
    const Json next = sequence({line_break(), format});
    format = sequence({format, wrap("star", next)});
  }
  const Json root = {{"type", "structural_tag"}, {"format", std::move(format)}};
  return GrammarSource{GrammarKind::kToolCalls, root.dump()};
}

}  // namespace glmv::runtime
