#pragma once
// Does a JSON value satisfy a schema? Written from the JSON Schema specification alone, so that it
// knows nothing of how grammars are made. Whole documents only; patterns by std::regex.

#include <cmath>
#include <map>
#include <regex>
#include <string>

#include "glmv/base/json.h"
#include "glmv/base/utf8.h"

namespace glmv::runtime {

class JsonValidator {
 public:
  explicit JsonValidator(const Json& root) : root_(root) {}
  bool valid(const Json& value) const { return valid(value, root_); }

 private:
  static bool is_type(const Json& value, const Json& type) {
    if (type == "integer") {
      return value.is_number_integer() ||
             (value.is_number() && std::floor(value.get<double>()) == value.get<double>());
    }
    if (type == "number") return value.is_number();
    return type == value.type_name();
  }

  static int64_t num_characters(const std::string& text) {
    int64_t count = 0;
    for (size_t at = 0; at < text.size(); ++count) at += decode_utf8(text, at).num_bytes;
    return count;
  }

  static bool format_ok(const std::string& text, const std::string& format) {
    static const std::map<std::string, std::string> patterns = {
        {"date", R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))"},
        {"time", R"([0-2]\d:[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-][0-2]\d:[0-5]\d))"},
        {"date-time",
         R"(\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-][0-2]\d:[0-5]\d))"},
        {"uuid", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"},
        {"ipv4", R"(((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4})"},
        {"email", R"([^@\s"]+@[A-Za-z0-9.-]+\.[A-Za-z]+)"}};
    return std::regex_match(text, std::regex(patterns.at(format)));
  }

  template <class Compare>
  static bool bound(const Json& schema, const char* key, double value, Compare compare) {
    return !schema.contains(key) || compare(value, schema[key].get<double>());
  }

  bool valid(const Json& value, const Json& schema) const {
    if (schema.is_boolean()) return schema.get<bool>();
    if (schema.contains("$ref") &&
        !valid(value, root_.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))))) {
      return false;
    }
    if (schema.contains("const") && !same(value, schema["const"])) return false;
    if (schema.contains("enum")) {
      bool found = false;
      for (const Json& one : schema["enum"]) found = found || same(value, one);
      if (!found) return false;
    }
    for (const Json& part : schema.value("allOf", Json::array())) {
      if (!valid(value, part)) return false;
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      if (!schema.contains(key)) continue;
      int count = 0;
      for (const Json& part : schema[key]) count += valid(value, part) ? 1 : 0;
      if (count == 0 || (std::string_view(key) == "oneOf" && count != 1)) return false;
    }
    if (schema.contains("type")) {
      bool found = false;
      const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
      for (const Json& type : types) found = found || is_type(value, type);
      if (!found) return false;
    }
    return (!value.is_number() || number(value, schema)) &&
           (!value.is_string() || text(value, schema)) &&
           (!value.is_array() || array(value, schema)) &&
           (!value.is_object() || object(value, schema));
  }

  static bool same(const Json& a, const Json& b) {
    return nlohmann::json(a) == nlohmann::json(b);  // objects in any order
  }

  static bool number(const Json& value, const Json& schema) {
    const double v = value.get<double>();
    return bound(schema, "minimum", v, std::greater_equal<>()) &&
           bound(schema, "maximum", v, std::less_equal<>()) &&
           bound(schema, "exclusiveMinimum", v, std::greater<>()) &&
           bound(schema, "exclusiveMaximum", v, std::less<>()) &&
           bound(schema, "multipleOf", v, [](double a, double b) { return std::fmod(a, b) == 0; });
  }

  static bool text(const Json& value, const Json& schema) {
    const std::string string = value;
    const auto length = static_cast<double>(num_characters(string));
    if (schema.contains("pattern") &&
        !std::regex_search(string, std::regex(schema["pattern"].get<std::string>()))) {
      return false;
    }
    if (schema.contains("format") && !format_ok(string, schema["format"])) return false;
    return bound(schema, "minLength", length, std::greater_equal<>()) &&
           bound(schema, "maxLength", length, std::less_equal<>());
  }

  bool array(const Json& value, const Json& schema) const {
    const Json prefix = schema.value("prefixItems", Json::array());
    for (size_t i = 0; i < value.size(); ++i) {
      const Json item = i < prefix.size() ? prefix[i] : schema.value("items", Json(true));
      if (!valid(value[i], item)) return false;
    }
    const auto size = static_cast<double>(value.size());
    return bound(schema, "minItems", size, std::greater_equal<>()) &&
           bound(schema, "maxItems", size, std::less_equal<>());
  }

  bool object(const Json& value, const Json& schema) const {
    for (const Json& name : schema.value("required", Json::array())) {
      if (!value.contains(name)) return false;
    }
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, part] : value.items()) {
      const Json rule = properties.contains(name)
                            ? properties[name]
                            : schema.value("additionalProperties", Json(true));
      if (!valid(part, rule)) return false;
    }
    const auto size = static_cast<double>(value.size());
    return bound(schema, "minProperties", size, std::greater_equal<>()) &&
           bound(schema, "maxProperties", size, std::less_equal<>());
  }

  const Json& root_;
};

}  // namespace glmv::runtime
