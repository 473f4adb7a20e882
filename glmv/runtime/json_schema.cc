#include "glmv/runtime/json_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/runtime/grammar_source.h"
#include "glmv/runtime/json_schema_merge.h"

namespace glmv::runtime {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxSchemas = 50000;
constexpr size_t kMaxReferences = 1000;
// Of a whole number with bounds: beyond it doubles have gaps.
constexpr double kMaxInteger = 9e15;

constexpr std::string_view kAnnotations[] = {"title",
                                             "description",
                                             "default",
                                             "examples",
                                             "example",
                                             "deprecated",
                                             "readOnly",
                                             "writeOnly",
                                             "$schema",
                                             "$id",
                                             "id",
                                             "$comment",
                                             "$anchor",
                                             "$defs",
                                             "definitions",
                                             "contentEncoding",
                                             "contentMediaType",
                                             "discriminator",
                                             "strict"};

// Keywords that say something of values of one type only.
struct TypeRow {
  std::string_view type;
  std::vector<std::string_view> keywords;
};
const std::vector<TypeRow>& type_rows() {
  static const std::vector<TypeRow> rows = {
      {"object",
       {"properties", "required", "additionalProperties", "minProperties", "maxProperties"}},
      {"array", {"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "additionalItems"}},
      {"string", {"minLength", "maxLength", "pattern", "format"}},
      {"integer", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
      {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
      {"boolean", {}},
      {"null", {}}};
  return rows;
}

// XGrammar's own patterns of formats are for text outside of strings in part, and allow days that
// no month has.
struct FormatRow {
  std::string_view format;
  std::string_view pattern;
};
#define GLMV_DATE                                                                         \
  "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)" \
  "|02-(0[1-9]|1[0-9]|2[0-8]))"
#define GLMV_TIME \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define GLMV_HOST "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
constexpr FormatRow kFormats[] = {
    {"date", GLMV_DATE},
    {"time", GLMV_TIME},
    {"date-time", GLMV_DATE "T" GLMV_TIME},
    {"duration",
     "P([0-9]+W|[0-9]+D(T[0-9]+H([0-9]+M([0-9]+S)?)?)?|[0-9]+Y([0-9]+M([0-9]+D)?)?|T([0-9]+H([0-9]+"
     "M"
     "([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))"},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"ipv4",
     "((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]"
     "|[1-9]?[0-9])"},
    {"ipv6", "([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|::|::1"},
    {"hostname", GLMV_HOST "(\\." GLMV_HOST "){0,3}"},
    {"email", "[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+){0,8}@(" GLMV_HOST "\\.){1,4}[A-Za-z]{2,24}"},
    {"uri", "[A-Za-z][A-Za-z0-9+.-]*://" GLMV_HOST "(\\." GLMV_HOST "){0,4}(:[0-9]{1,4})?"
            "(/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*(\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?"
            "(#[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?"},
};
#undef GLMV_DATE
#undef GLMV_TIME
#undef GLMV_HOST

bool is_annotation(std::string_view key) {
  return key.starts_with("x-") || std::ranges::find(kAnnotations, key) != std::end(kAnnotations);
}

std::string type_of(const Json& value) {
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return value.type_name();
}

bool has_type(const Json& value, const Json& types) {
  const std::string type = type_of(value);
  const Json list = types.is_array() ? types : Json::array({types});
  return std::ranges::any_of(
      list, [&](const Json& t) { return t == type || (t == "number" && type == "integer"); });
}

class Preparer {
 public:
  explicit Preparer(const Json& root) : root_(root) {
    context_.resolve = [this](const std::string& ref, const std::string& pointer) {
      return target_of(ref, pointer);
    };
  }

  Result<Json> run() {
    GLMV_ASSIGN(Json out, prepare(root_, "#", 0));
    // What is referred to may refer to more.
    Json definitions = Json::object();
    for (size_t i = 0; i < references_.size(); ++i) {
      const std::string ref = references_[i];
      GLMV_ASSIGN(const Json target, target_of(ref, ref));
      GLMV_ASSIGN(definitions[reference_name(i)], prepare(target, ref, 0));
    }
    GLMV_RETURN_IF_ERROR(check_cycles(out, definitions));
    if (!definitions.empty()) {
      if (!out.is_object()) out = Json::object();
      out["$defs"] = std::move(definitions);
    }
    return out;
  }

 private:
  static std::string reference_name(size_t index) { return fmt::format("r{}", index); }

  Result<Json> target_of(const std::string& ref, const std::string& pointer) const {
    if (ref != "#" && !ref.starts_with("#/")) {
      return invalid_argument(
          "{}/$ref: \"{}\" is not inside this document; only \"#/...\" is supported", pointer, ref);
    }
    try {
      return root_.at(Json::json_pointer(ref.substr(1)));
    } catch (const nlohmann::json::exception&) {
      return invalid_argument("{}/$ref: there is no \"{}\" in the schema", pointer, ref);
    }
  }

  Result<Json> prepare(const Json& schema, const std::string& pointer, int depth) {
    if (depth > kMaxDepth) {
      return invalid_argument("{}: schemas are nested more than {} levels deep", pointer,
                              kMaxDepth);
    }
    if (++num_schemas_ > kMaxSchemas) {
      return invalid_argument("{}: the schema has more than {} parts", pointer, kMaxSchemas);
    }
    if (schema.is_boolean()) {
      if (schema.get<bool>()) return schema;
      return invalid_argument("{}: false allows no value", pointer);
    }
    if (!schema.is_object()) {
      return invalid_argument("{}: a schema must be an object or a boolean, not {}", pointer,
                              schema.type_name());
    }
    Json plain = Json::object();
    for (const auto& [key, value] : schema.items()) {
      if (!is_annotation(key)) plain[key] = value;
    }
    if (plain.empty()) return Json(true);
    for (const char* key : {"$ref", "allOf", "anyOf", "oneOf"}) {
      if (!plain.contains(key)) continue;
      if (plain.size() > 1 || std::string_view(key) == "allOf") {
        GLMV_ASSIGN(const Json joined, join(key, plain, pointer));
        return prepare(joined, pointer, depth + 1);
      }
      return std::string_view(key) == "$ref" ? reference(plain, pointer)
                                             : alternatives(key, plain[key], pointer, depth);
    }
    if (plain.contains("const")) return constant(plain, pointer);
    if (plain.contains("enum")) return enumeration(plain, pointer);
    return typed(plain, pointer, depth);
  }

  // Merges what stands under `key` with everything beside it.
  Result<Json> join(const std::string& key, const Json& schema, const std::string& pointer) {
    Json rest = schema;
    rest.erase(key);
    return merge_schemas(Json{{key, schema[key]}}, rest, pointer, context_);
  }

  Result<Json> reference(const Json& schema, const std::string& pointer) {
    if (!schema["$ref"].is_string()) return invalid_argument("{}/$ref: must be a string", pointer);
    const std::string ref = schema["$ref"];
    GLMV_RETURN_IF_ERROR(target_of(ref, pointer));
    const auto [found, added] = reference_index_.try_emplace(ref, references_.size());
    if (added) references_.push_back(ref);
    if (references_.size() > kMaxReferences) {
      return invalid_argument("{}/$ref: more than {} parts are referred to", pointer,
                              kMaxReferences);
    }
    return Json{{"$ref", "#/$defs/" + reference_name(found->second)}};
  }

  Result<Json> alternatives(const std::string& key, const Json& list, const std::string& pointer,
                            int depth) {
    if (!list.is_array() || list.empty()) {
      return invalid_argument("{}/{}: must be a list of schemas", pointer, key);
    }
    Json options = Json::array();
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i] == Json(false)) continue;
      GLMV_ASSIGN(Json option,
                  prepare(list[i], fmt::format("{}/{}/{}", pointer, key, i), depth + 1));
      options.push_back(std::move(option));
    }
    if (options.empty()) return invalid_argument("{}/{}: allows no value", pointer, key);
    return Json{{key, std::move(options)}};
  }

  // Values beside which only a type may stand: of others it is not known whether they hold.
  Result<void> check_siblings(const Json& schema, std::string_view of, const std::string& pointer) {
    for (const auto& [key, value] : schema.items()) {
      if (key == of || key == "type") continue;
      return invalid_argument("{}/{}: is not supported beside \"{}\"", pointer, key, of);
    }
    return {};
  }

  Result<Json> constant(const Json& schema, const std::string& pointer) {
    Json narrowed = schema;
    if (narrowed.contains("enum")) {
      if (std::ranges::find(narrowed["enum"], narrowed["const"]) == narrowed["enum"].end()) {
        return invalid_argument("{}/const: is not among the values of \"enum\"", pointer);
      }
      narrowed.erase("enum");
    }
    GLMV_RETURN_IF_ERROR(check_siblings(narrowed, "const", pointer));
    if (schema.contains("type") && !has_type(schema["const"], schema["type"])) {
      return invalid_argument("{}/const: is not of the type that stands beside it", pointer);
    }
    return Json{{"const", schema["const"]}};
  }

  Result<Json> enumeration(const Json& schema, const std::string& pointer) {
    GLMV_RETURN_IF_ERROR(check_siblings(schema, "enum", pointer));
    if (!schema["enum"].is_array()) return invalid_argument("{}/enum: must be a list", pointer);
    Json values = Json::array();
    for (const Json& value : schema["enum"]) {
      if (!schema.contains("type") || has_type(value, schema["type"])) values.push_back(value);
    }
    if (values.empty()) return invalid_argument("{}/enum: allows no value", pointer);
    return Json{{"enum", std::move(values)}};
  }

  Result<Json> typed(const Json& schema, const std::string& pointer, int depth) {
    for (const auto& [key, value] : schema.items()) {
      const bool known = key == "type" || std::ranges::any_of(type_rows(), [&](const TypeRow& row) {
                           return std::ranges::find(row.keywords, key) != row.keywords.end();
                         });
      if (!known) return invalid_argument("{}/{}: this keyword is not supported", pointer, key);
    }
    Json types = Json::array();
    if (schema.contains("type")) {
      types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    } else {
      // Only the types that the keywords speak of: a part of what the schema allows.
      for (const TypeRow& row : type_rows()) {
        if (row.type == "integer") continue;  // a number
        if (std::ranges::any_of(row.keywords, [&](auto key) { return schema.contains(key); })) {
          types.push_back(row.type);
        }
      }
    }
    Json options = Json::array();
    for (const Json& type : types) {
      GLMV_ASSIGN(Json option, of_type(type, schema, pointer, depth));
      options.push_back(std::move(option));
    }
    if (options.empty()) return invalid_argument("{}/type: allows no value", pointer);
    if (options.size() == 1) return options[0];
    return Json{{"anyOf", std::move(options)}};
  }

  Result<Json> of_type(const Json& type, const Json& schema, const std::string& pointer,
                       int depth) {
    if (type == "string") return string(schema, pointer);
    if (type == "integer" || type == "number") return number(type, schema, pointer);
    if (type == "array") return array(schema, pointer, depth);
    if (type == "object") return object(schema, pointer, depth);
    if (type == "boolean" || type == "null") return Json{{"type", type}};
    return invalid_argument(
        "{}/type: {} is no type; use object, array, string, number, integer, "
        "boolean or null",
        pointer, type.dump());
  }

  // A count that is not negative; none where the keyword is missing.
  static Result<std::optional<int64_t>> count(const Json& schema, const char* key,
                                              const std::string& pointer) {
    if (!schema.contains(key)) return std::nullopt;
    const Json& value = schema[key];
    const double number = value.is_number() ? value.get<double>() : -1;
    if (number < 0 || number != std::floor(number) || number > 1e9) {
      return invalid_argument("{}/{}: must be a whole number in [0, 1000000000], not {}", pointer,
                              key, value.dump());
    }
    return static_cast<int64_t>(number);
  }

  // Copies the two bounds; error when no count satisfies both.
  static Result<void> copy_counts(const Json& schema, const char* low, const char* high,
                                  const std::string& pointer, Json& out) {
    GLMV_ASSIGN(const std::optional<int64_t> least, count(schema, low, pointer));
    GLMV_ASSIGN(const std::optional<int64_t> most, count(schema, high, pointer));
    if (least && most && *least > *most) {
      return invalid_argument("{}/{}: {} is more than {} {}", pointer, low, *least, high, *most);
    }
    if (least && *least > 0) out[low] = *least;
    if (most) out[high] = *most;
    return {};
  }

  static Result<Json> string(const Json& schema, const std::string& pointer) {
    Json out = {{"type", "string"}};
    const bool bounded = schema.contains("minLength") || schema.contains("maxLength");
    if (schema.contains("format")) {
      const std::string format =
          schema["format"].is_string() ? schema["format"].get<std::string>() : std::string();
      const auto row = std::ranges::find(kFormats, format, &FormatRow::format);
      if (row == std::end(kFormats)) {
        return invalid_argument(
            "{}/format: {} is not supported; known: date, time, date-time, duration, "
            "uuid, ipv4, ipv6, hostname, email, uri",
            pointer, schema["format"].dump());
      }
      if (bounded || schema.contains("pattern")) {
        return invalid_argument(
            "{}/format: is not supported together with pattern, minLength or "
            "maxLength",
            pointer);
      }
      out["pattern"] = unfold_optional_groups(std::string(row->pattern));
      return out;
    }
    if (schema.contains("pattern")) {
      if (!schema["pattern"].is_string()) {
        return invalid_argument("{}/pattern: must be a string", pointer);
      }
      if (bounded) {
        return invalid_argument("{}/pattern: is not supported together with minLength or maxLength",
                                pointer);
      }
      const std::string pattern = schema["pattern"];
      // They would have to be escaped in a JSON string, which the automaton does not know.
      if (pattern.find('"') != std::string::npos || pattern.find("\\\\") != std::string::npos) {
        return invalid_argument(
            "{}/pattern: quotation marks and backslashes inside of strings are not "
            "supported",
            pointer);
      }
      out["pattern"] = unfold_optional_groups(whole_pattern(pattern));
      return out;
    }
    GLMV_RETURN_IF_ERROR(copy_counts(schema, "minLength", "maxLength", pointer, out));
    return out;
  }

  // JSON schemas search the pattern, grammars match the whole string: what one anchor leaves open
  // is filled up.
  static std::string whole_pattern(const std::string& pattern) {
    const bool starts = pattern.starts_with('^');
    const bool ends = pattern.ends_with('$') && !pattern.ends_with("\\$");
    if (starts == ends || pattern.find('|') != std::string::npos) return pattern;
    return starts ? pattern + ".*" : ".*" + pattern;
  }

  static Result<Json> number(const Json& type, const Json& schema, const std::string& pointer) {
    Json out = {{"type", type}};
    const bool whole = type == "integer";
    for (const char* key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
      if (!schema.contains(key)) continue;
      const Json& value = schema[key];
      const bool lower = std::string_view(key).ends_with("inimum");
      // "As far as exact whole numbers go", which generators of schemas write: no limit here, since
      // no number of a reply has so many digits.
      if (value.is_number() && (lower ? -1 : 1) * value.get<double>() >= kMaxInteger) continue;
      if (!value.is_number() || std::abs(value.get<double>()) > kMaxInteger) {
        return invalid_argument("{}/{}: must be a number of at most {:.0f}, not {}", pointer, key,
                                kMaxInteger, value.dump());
      }
      if (!whole) {
        out[key] = value;
        continue;
      }
      // As the nearest whole number that may stand itself.
      const double bound = value.get<double>();
      double limit = lower ? std::ceil(bound) : std::floor(bound);
      if (key[0] == 'e' && limit == bound) limit += lower ? 1 : -1;
      const char* name = lower ? "minimum" : "maximum";
      auto held = static_cast<int64_t>(limit);
      if (out.contains(name)) {
        const auto other = out[name].get<int64_t>();
        held = lower ? std::max(held, other) : std::min(held, other);
      }
      out[name] = held;
    }
    close_range(out, whole);
    if (out.contains("minimum") && out.contains("maximum") && out["minimum"] > out["maximum"]) {
      return invalid_argument("{}: no number lies between {} and {}", pointer,
                              out["minimum"].dump(), out["maximum"].dump());
    }
    if (schema.contains("multipleOf")) {
      if (!whole) {
        return invalid_argument("{}/multipleOf: is supported for integers only", pointer);
      }
      out["multipleOf"] = schema["multipleOf"];
    }
    return out;
  }

  // Half a range would let a number have any count of digits.
  static void close_range(Json& out, bool whole) {
    const bool low = out.contains("minimum") || out.contains("exclusiveMinimum");
    const bool high = out.contains("maximum") || out.contains("exclusiveMaximum");
    if (low == high) return;
    const auto end = static_cast<int64_t>(low ? kMaxInteger : -kMaxInteger);
    out[low ? "maximum" : "minimum"] = whole ? Json(end) : Json(static_cast<double>(end));
  }

  Result<Json> array(const Json& schema, const std::string& pointer, int depth) {
    Json out = {{"type", "array"}};
    if (schema.value("uniqueItems", Json(false)) != Json(false)) {
      return invalid_argument("{}/uniqueItems: this keyword is not supported", pointer);
    }
    Json items = schema.value("items", Json());
    Json prefix = schema.value("prefixItems", Json());
    const char* prefix_key = "prefixItems";
    if (items.is_array()) {  // tuples of drafts before 2020-12
      prefix_key = "items";
      prefix = std::exchange(items, schema.value("additionalItems", Json(false)));
    }
    if (!prefix.is_null()) {
      if (!prefix.is_array()) return invalid_argument("{}/{}: must be a list", pointer, prefix_key);
      out["prefixItems"] = Json::array();
      for (size_t i = 0; i < prefix.size(); ++i) {
        GLMV_ASSIGN(Json item,
                    prepare(prefix[i], fmt::format("{}/{}/{}", pointer, prefix_key, i), depth + 1));
        // Booleans are not taken here.
        out["prefixItems"].push_back(item.is_boolean() ? Json::object() : std::move(item));
      }
      if (items.is_null()) items = Json(false);
    }
    if (items.is_null()) items = Json(true);
    if (items == Json(false)) {
      out["items"] = false;
    } else {
      GLMV_ASSIGN(out["items"], prepare(items, pointer + "/items", depth + 1));
    }
    GLMV_RETURN_IF_ERROR(copy_counts(schema, "minItems", "maxItems", pointer, out));
    return out;
  }

  Result<Json> object(const Json& schema, const std::string& pointer, int depth) {
    Json out = {{"type", "object"}};
    Json required = schema.value("required", Json::array());
    if (!required.is_array() ||
        !std::ranges::all_of(required, [](const Json& name) { return name.is_string(); })) {
      return invalid_argument("{}/required: must be a list of names", pointer);
    }
    const Json properties = schema.value("properties", Json::object());
    if (!properties.is_object())
      return invalid_argument("{}/properties: must be an object", pointer);
    const Json others =
        schema.value("additionalProperties", Json(properties.empty() && required.empty()));
    Json prepared = Json::object();
    for (const auto& [name, value] : properties.items()) {
      const bool needed = std::ranges::find(required, Json(name)) != required.end();
      if (value == Json(false) && !needed) continue;
      GLMV_ASSIGN(prepared[name],
                  prepare(value, fmt::format("{}/properties/{}", pointer, name), depth + 1));
    }
    Json rest = Json(false);
    if (others != Json(false)) {
      GLMV_ASSIGN(rest, prepare(others, pointer + "/additionalProperties", depth + 1));
    }
    for (const Json& name : required) {
      if (prepared.contains(name)) continue;
      if (rest == Json(false) && schema.contains("additionalProperties")) {
        return invalid_argument(
            "{}/required: \"{}\" is not among the properties, and others are not "
            "allowed",
            pointer, name.get<std::string>());
      }
      prepared[name.get<std::string>()] = rest == Json(false) ? Json(true) : rest;
    }
    if (!prepared.empty()) out["properties"] = std::move(prepared);
    if (!required.empty()) out["required"] = std::move(required);
    out["additionalProperties"] = std::move(rest);
    GLMV_RETURN_IF_ERROR(copy_counts(schema, "minProperties", "maxProperties", pointer, out));
    return out;
  }

  // What a prepared schema is without reading a character: references that lead back are left
  // recursion or nothing at all.
  static void collect_heads(const Json& schema, std::vector<std::string>& out) {
    if (!schema.is_object()) return;
    if (schema.contains("$ref")) out.push_back(schema["$ref"]);
    for (const char* key : {"anyOf", "oneOf"}) {
      if (!schema.contains(key)) continue;
      for (const Json& option : schema[key]) collect_heads(option, out);
    }
  }

  Result<void> check_cycles(const Json& root, const Json& definitions) const {
    std::map<std::string, std::vector<std::string>> heads;
    for (const auto& [name, schema] : definitions.items()) {
      collect_heads(schema, heads["#/$defs/" + name]);
    }
    collect_heads(root, heads["#"]);
    for (const auto& [start, unused] : heads) {
      std::vector<std::string> open = heads[start];
      std::set<std::string> seen;
      while (!open.empty()) {
        const std::string at = open.back();
        open.pop_back();
        if (at == start) {
          const size_t index =
              at == "#" ? 0 : std::stoul(at.substr(std::string("#/$defs/r").size()));
          return invalid_argument("{}: refers to itself with nothing in between",
                                  at == "#" ? at : references_[index]);
        }
        if (!seen.insert(at).second) continue;
        const auto next = heads.find(at);
        if (next != heads.end()) open.insert(open.end(), next->second.begin(), next->second.end());
      }
    }
    return {};
  }

  const Json& root_;
  MergeContext context_;
  std::vector<std::string> references_;
  std::map<std::string, size_t> reference_index_;
  int num_schemas_ = 0;
};

}  // namespace

Result<Json> prepare_json_schema(const Json& schema) { return Preparer(schema).run(); }

}  // namespace glmv::runtime
