#pragma once
// Typed reads from a JSON object whose errors name the full key ("text_config.hidden_size").

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::checkpoint {

// View of one object; the object must outlive it. A null value counts as absent.
class ConfigFields {
 public:
  // `path` is the key of `object` in the file, "" for the top level.
  ConfigFields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

  const Json& object() const { return object_; }
  std::string full_key(std::string_view key) const;

  // nullptr when absent or null.
  const Json* find(std::string_view key) const;

  // An integer in [low, high]; missing keys are an error without `fallback`.
  Result<int64_t> integer(std::string_view key, int64_t low, int64_t high,
                          std::optional<int64_t> fallback = std::nullopt) const;
  // A finite number in [low, high].
  Result<double> number(std::string_view key, double low, double high, double fallback) const;
  Result<bool> boolean(std::string_view key, bool fallback) const;
  Result<std::string> string(std::string_view key, std::string fallback) const;
  // One integer or a list of them; empty when absent.
  Result<std::vector<int64_t>> integers(std::string_view key, int64_t low, int64_t high) const;
  // A sub-object, or an empty one when absent.
  Result<ConfigFields> object_or_empty(std::string_view key) const;

 private:
  const Json& object_;
  std::string path_;
};

}  // namespace glmv::checkpoint
