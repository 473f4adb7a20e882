#include "glmv/runtime/json_schema_merge.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace glmv::runtime {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::array<std::string_view, 4> kLowerBounds = {"minimum", "minLength", "minItems",
                                                          "minProperties"};
constexpr std::array<std::string_view, 4> kUpperBounds = {"maximum", "maxLength", "maxItems",
                                                          "maxProperties"};

bool is_one_of(std::string_view key, std::span<const std::string_view> names) {
  return std::ranges::find(names, key) != names.end();
}

Json types_of(const Json& type) { return type.is_array() ? type : Json::array({type}); }

bool has(const Json& list, const Json& value) {
  return std::ranges::find(list, value) != list.end();
}

// Types that both lists allow; an integer is a number.
Json common_types(const Json& a, const Json& b) {
  Json out = Json::array();
  const Json left = types_of(a), right = types_of(b);
  for (const Json& type : left) {
    if (has(right, type) || (type == "integer" && has(right, "number"))) out.push_back(type);
  }
  for (const Json& type : right) {
    if (type == "integer" && has(left, "number") && !has(out, type)) out.push_back(type);
  }
  return out;
}

class Merger {
 public:
  Merger(const std::string& pointer, MergeContext& context, int depth)
      : pointer_(pointer), context_(context), depth_(depth) {}

  Result<Json> merge(const Json& a, const Json& b) {
    if (depth_ > kMaxDepth) {
      return invalid_argument("{}: schemas that must hold together refer to each other without end",
                              pointer_);
    }
    if (--context_.num_left < 0) {
      return invalid_argument("{}: too many alternatives have to hold together", pointer_);
    }
    if (a.is_boolean()) return a.get<bool>() ? b : a;
    if (b.is_boolean()) return b.get<bool>() ? a : b;
    if (!a.is_object() || !b.is_object()) {
      return invalid_argument("{}: a schema must be an object or a boolean", pointer_);
    }
    for (const char* key : {"$ref", "allOf", "anyOf", "oneOf"}) {
      if (a.contains(key)) return expand(key, a, b);
      if (b.contains(key)) return expand(key, b, a);
    }
    Json out = a;
    for (const auto& [key, value] : b.items()) {
      if (key == "properties" || key == "additionalProperties") continue;
      if (!out.contains(key)) {
        out[key] = value;
        continue;
      }
      GLMV_ASSIGN(out[key], both(key, a[key], value));
    }
    return with_properties(std::move(out), a, b);
  }

 private:
  Result<Json> again(const Json& a, const Json& b) {
    return merge_schemas(a, b, pointer_, context_, depth_ + 1);
  }

  // `a` has `key`, one of $ref, allOf, anyOf and oneOf: that part and the rest hold together with
  // b.
  Result<Json> expand(const std::string& key, const Json& a, const Json& b) {
    Json rest = a;
    rest.erase(key);
    if (key == "$ref") {
      if (!a[key].is_string()) return invalid_argument("{}/$ref: must be a string", pointer_);
      GLMV_ASSIGN(const Json target, context_.resolve(a[key].get<std::string>(), pointer_));
      GLMV_ASSIGN(const Json joined, again(rest, target));
      return again(joined, b);
    }
    if (!a[key].is_array() || a[key].empty()) {
      return invalid_argument("{}/{}: must be a list of schemas", pointer_, key);
    }
    GLMV_ASSIGN(Json joined, again(rest, b));
    if (key == "allOf") {
      for (const Json& part : a[key]) {
        GLMV_ASSIGN(joined, again(joined, part));
      }
      return joined;
    }
    Json options = Json::array();
    for (const Json& option : a[key]) {
      GLMV_ASSIGN(Json narrowed, again(option, joined));
      options.push_back(std::move(narrowed));
    }
    return Json{{key, std::move(options)}};
  }

  Result<Json> both(const std::string& key, const Json& a, const Json& b) {
    if (a == b) return a;
    if (key == "type") {
      Json types = common_types(a, b);
      if (types.empty()) {
        return invalid_argument("{}/type: {} and {} must hold together, which nothing does",
                                pointer_, a.dump(), b.dump());
      }
      return types;
    }
    const bool numbers = a.is_number() && b.is_number();
    if (numbers && (is_one_of(key, kLowerBounds) || key == "exclusiveMinimum"))
      return std::max(a, b);
    if (numbers && (is_one_of(key, kUpperBounds) || key == "exclusiveMaximum"))
      return std::min(a, b);
    if (key == "required" && a.is_array() && b.is_array()) {
      Json names = a;
      for (const Json& name : b) {
        if (!has(names, name)) names.push_back(name);
      }
      return names;
    }
    if (key == "enum" && a.is_array() && b.is_array()) {
      Json values = Json::array();
      for (const Json& value : a) {
        if (has(b, value)) values.push_back(value);
      }
      return values;
    }
    if (key == "items") return again(a, b);
    if (key == "$defs" || key == "definitions" || key == "title" || key == "description" ||
        key == "default" || key == "examples") {
      return a;
    }
    return invalid_argument("{}/{}: {} and {} would have to hold together, which is not supported",
                            pointer_, key, a.dump(), b.dump());
  }

  // What an object schema says of a property.
  static Json property_of(const Json& schema, const std::string& name) {
    if (schema.contains("properties") && schema["properties"].contains(name)) {
      return schema["properties"][name];
    }
    return schema.contains("additionalProperties") ? schema["additionalProperties"] : Json(true);
  }

  Result<Json> with_properties(Json out, const Json& a, const Json& b) {
    for (const char* key : {"properties", "additionalProperties"}) {
      if (a.contains(key) || b.contains(key)) out.erase(key);
    }
    Json properties = Json::object();
    for (const Json* side : {&a, &b}) {
      if (!side->contains("properties")) continue;
      if (!(*side)["properties"].is_object()) {
        return invalid_argument("{}/properties: must be an object", pointer_);
      }
      for (const auto& [name, unused] : (*side)["properties"].items()) {
        if (properties.contains(name)) continue;
        GLMV_ASSIGN(properties[name], again(property_of(a, name), property_of(b, name)));
      }
    }
    if (!properties.empty()) out["properties"] = std::move(properties);
    if (a.contains("additionalProperties") || b.contains("additionalProperties")) {
      GLMV_ASSIGN(out["additionalProperties"], again(a.value("additionalProperties", Json(true)),
                                                     b.value("additionalProperties", Json(true))));
    }
    return out;
  }

  const std::string& pointer_;
  MergeContext& context_;
  int depth_;
};

}  // namespace

Result<Json> merge_schemas(const Json& a, const Json& b, const std::string& pointer,
                           MergeContext& context, int depth) {
  return Merger(pointer, context, depth).merge(a, b);
}

}  // namespace glmv::runtime
