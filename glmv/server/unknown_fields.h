#pragma once
// Fields of bodies that no endpoint knows: left out without an error, since clients send many, and
// told of once a name to whoever looks for a field that does nothing.

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "glmv/base/json.h"

namespace glmv::server {

// Thread-safe.
class UnknownFields {
 public:
  // `tell` may be empty: then nothing is looked at.
  explicit UnknownFields(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}

  // `schema`: the name of the body's (openapi_schemas.h).
  void look(const Json& body, std::string_view schema);

 private:
  const std::function<void(const std::string&)> tell_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace glmv::server
