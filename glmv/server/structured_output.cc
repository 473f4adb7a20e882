#include "glmv/server/structured_output.h"

#include <vector>

namespace glmv::server {
namespace {

using Kind = api::ConstraintKind;

struct Row {
  const char* name;
  Kind kind;
};
constexpr Row kTopLevel[] = {
    {"guided_json", Kind::kJsonSchema},
    {"guided_regex", Kind::kRegex},
    {"guided_choice", Kind::kChoice},
    {"guided_grammar", Kind::kEbnf},
    {"json_schema", Kind::kJsonSchema},
    {"regex", Kind::kRegex},
    {"ebnf", Kind::kEbnf},
    {"grammar", Kind::kGbnf},
};
constexpr Row kStructuredOutputs[] = {
    {"json", Kind::kJsonSchema},        {"regex", Kind::kRegex},
    {"choice", Kind::kChoice},          {"grammar", Kind::kEbnf},
    {"json_object", Kind::kJsonObject}, {"structural_tag", Kind::kStructuralTag},
};

const Json* find(const Json& body, const char* name) {
  const auto it = body.find(name);
  return it == body.end() || it->is_null() ? nullptr : &*it;
}

// Schemas, lists and tags come as JSON or as its text; the others are strings.
ApiResult<api::Constraint> constraint_of(Kind kind, const Json& value, std::string field) {
  switch (kind) {
    case Kind::kJsonObject:
      return api::Constraint{kind, "", std::move(field)};
    case Kind::kChoice:
      if (!value.is_array()) return bad_field(field, "must be a list of strings");
      return api::Constraint{kind, value.dump(), std::move(field)};
    case Kind::kJsonSchema:
    case Kind::kStructuralTag:
      if (value.is_string())
        return api::Constraint{kind, value.get<std::string>(), std::move(field)};
      if (!value.is_object() && !value.is_boolean()) {
        return bad_field(field, fmt::format("must be an object, not {}", value.type_name()));
      }
      return api::Constraint{kind, value.dump(), std::move(field)};
    case Kind::kRegex:
    case Kind::kEbnf:
    case Kind::kGbnf:
      if (!value.is_string()) {
        return bad_field(field, fmt::format("must be a string, not {}", value.type_name()));
      }
      return api::Constraint{kind, value.get<std::string>(), std::move(field)};
  }
  return bad_field(field, "is not known");
}

ApiResult<std::optional<api::Constraint>> read_response_format(const Json& format) {
  const std::string field = "response_format";
  if (!format.is_object()) return bad_field(field, "must be an object");
  const Json type = format.value("type", Json());
  if (type == "text") return std::nullopt;
  if (type == "json_object") return api::Constraint{Kind::kJsonObject, "", field};
  if (type == "json_schema") {
    const Json* holder = find(format, "json_schema");
    if (holder == nullptr || !holder->is_object()) {
      return bad_field(field + ".json_schema", "is missing: give {\"name\", \"schema\"}");
    }
    const Json* schema = find(*holder, "schema");
    if (schema == nullptr) return bad_field(field + ".json_schema.schema", "is missing");
    GLMV_ASSIGN(auto found,
                constraint_of(Kind::kJsonSchema, *schema, field + ".json_schema.schema"));
    return found;
  }
  if (type == "structural_tag") {
    GLMV_ASSIGN(auto found, constraint_of(Kind::kStructuralTag, format, field));
    return found;
  }
  return bad_field(field + ".type", "must be text, json_object, json_schema or structural_tag");
}

}  // namespace

ApiResult<std::optional<api::Constraint>> read_structured_output(const Json& body) {
  std::vector<api::Constraint> found;
  if (const Json* format = find(body, "response_format"); format != nullptr) {
    GLMV_ASSIGN(auto constraint, read_response_format(*format));
    if (constraint) found.push_back(std::move(*constraint));
  }
  if (const Json* outputs = find(body, "structured_outputs"); outputs != nullptr) {
    if (!outputs->is_object()) return bad_field("structured_outputs", "must be an object");
    for (const Row& row : kStructuredOutputs) {
      const Json* value = find(*outputs, row.name);
      if (value == nullptr || *value == Json(false)) continue;
      GLMV_ASSIGN(auto constraint,
                  constraint_of(row.kind, *value, std::string("structured_outputs.") + row.name));
      found.push_back(std::move(constraint));
    }
  }
  for (const Row& row : kTopLevel) {
    const Json* value = find(body, row.name);
    if (value == nullptr) continue;
    GLMV_ASSIGN(auto constraint, constraint_of(row.kind, *value, row.name));
    found.push_back(std::move(constraint));
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    return bad_field(
        found[1].field,
        fmt::format("only one constraint may be given, and there is {} already", found[0].field));
  }
  return std::move(found[0]);
}

}  // namespace glmv::server
