#include "glmv/server/fields.h"

#include <cmath>
#include <cstdint>

namespace glmv::server {

namespace {

// Empty where there is a fraction, and where no int64 holds it.
std::optional<int64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  const double number = value.get<double>();
  // 2^63 is a double, and INT64_MAX is none.
  if (!(number >= -0x1p63 && number < 0x1p63) || std::nearbyint(number) != number) {
    return std::nullopt;
  }
  return static_cast<int64_t>(number);
}

}  // namespace

const Json* find(const Json& body, const char* name) {
  const auto it = body.find(name);
  return it == body.end() || it->is_null() ? nullptr : &*it;
}

ApiResult<std::optional<double>> number(const Json& body, const char* name, double low,
                                        double high) {
  const Json* value = find(body, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number())
    return bad_field(name, fmt::format("must be a number, not {}", value->type_name()));
  const double number = value->get<double>();
  if (!(number >= low && number <= high)) {
    return bad_field(name, fmt::format("is {}, it must be in [{}, {}]", number, low, high));
  }
  return number;
}

ApiResult<std::optional<int64_t>> integer(const Json& body, const char* name, int64_t low,
                                          int64_t high) {
  const Json* value = find(body, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number())
    return bad_field(name, fmt::format("must be a whole number, not {}", value->type_name()));
  const std::optional<int64_t> number = whole_number(*value);
  if (!number || *number < low || *number > high) {
    return bad_field(name, fmt::format("is {}, it must be a whole number in [{}, {}]",
                                       value->dump(), low, high));
  }
  return number;
}

ApiResult<bool> boolean(const Json& body, const char* name, bool otherwise) {
  const Json* value = find(body, name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean())
    return bad_field(name, fmt::format("must be true or false, not {}", value->type_name()));
  return value->get<bool>();
}

ApiResult<std::string> string(const Json& value, const std::string& path) {
  if (!value.is_string())
    return bad_field(path, fmt::format("must be a string, not {}", value.type_name()));
  return value.get<std::string>();
}

}  // namespace glmv::server
