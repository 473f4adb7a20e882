#include "glmv/checkpoint/config_fields.h"

#include <algorithm>
#include <cmath>

namespace glmv::checkpoint {
namespace {

constexpr size_t kMaxListItems = 64;

// The value as written, cut to a length fit for an error message.
std::string shown_value(const Json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

bool is_integer_in(const Json& value, int64_t low, int64_t high) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return false;
  }
  const auto number = value.get<int64_t>();
  return number >= low && number <= high;
}

const Json& empty_object() {
  static const Json kEmpty = Json::object();
  return kEmpty;
}

}  // namespace

std::string ConfigFields::full_key(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const Json* ConfigFields::find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

Result<int64_t> ConfigFields::integer(std::string_view key, int64_t low, int64_t high,
                                      std::optional<int64_t> fallback) const {
  const Json* value = find(key);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return invalid_argument("{} is missing", full_key(key));
  }
  if (!is_integer_in(*value, low, high)) {
    return invalid_argument("{} is {}, expected an integer from {} to {}", full_key(key),
                            shown_value(*value), low, high);
  }
  return value->get<int64_t>();
}

Result<double> ConfigFields::number(std::string_view key, double low, double high,
                                    double fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= low && number <= high)) {
    return invalid_argument("{} is {}, expected a number from {} to {}", full_key(key),
                            shown_value(*value), low, high);
  }
  return number;
}

Result<bool> ConfigFields::boolean(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    return invalid_argument("{} is {}, expected true or false", full_key(key), shown_value(*value));
  }
  return value->get<bool>();
}

Result<std::string> ConfigFields::string(std::string_view key, std::string fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) {
    return invalid_argument("{} is {}, expected a string", full_key(key), shown_value(*value));
  }
  return value->get<std::string>();
}

Result<std::vector<int64_t>> ConfigFields::integers(std::string_view key, int64_t low,
                                                    int64_t high) const {
  const Json* value = find(key);
  if (value == nullptr) return std::vector<int64_t>{};
  std::vector<int64_t> numbers;
  const bool is_list = value->is_array() && value->size() <= kMaxListItems;
  const bool ok =
      is_list ? std::all_of(value->begin(), value->end(),
                            [&](const Json& item) { return is_integer_in(item, low, high); })
              : is_integer_in(*value, low, high);
  if (!ok) {
    return invalid_argument("{} is {}, expected integers from {} to {} (at most {})", full_key(key),
                            shown_value(*value), low, high, kMaxListItems);
  }
  if (!is_list) return std::vector<int64_t>{value->get<int64_t>()};
  return value->get<std::vector<int64_t>>();
}

Result<ConfigFields> ConfigFields::object_or_empty(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return ConfigFields(empty_object(), full_key(key));
  if (!value->is_object()) {
    return invalid_argument("{} is {}, expected an object", full_key(key), shown_value(*value));
  }
  return ConfigFields(*value, full_key(key));
}

}  // namespace glmv::checkpoint
