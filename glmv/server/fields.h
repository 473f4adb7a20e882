#pragma once
// Fields of a request's body: absent and null are the same, 3.0 is a whole number; errors name the
// field by its path.

#include <optional>
#include <string>

#include "glmv/server/api_error.h"

namespace glmv::server {

// A field that is there and not null.
const Json* find(const Json& body, const char* name);

ApiResult<std::optional<double>> number(const Json& body, const char* name, double low,
                                        double high);
ApiResult<std::optional<int64_t>> integer(const Json& body, const char* name, int64_t low,
                                          int64_t high);
ApiResult<bool> boolean(const Json& body, const char* name, bool otherwise);
// `value` is the field itself.
ApiResult<std::string> string(const Json& value, const std::string& path);

// Sets `target` where the field is there; an error leaves the function.
#define GLMV_FIELD(target, expr)                                  \
  do {                                                            \
    auto field = (expr);                                          \
    if (!field) return std::unexpected(std::move(field).error()); \
    if (*field) target = **field;                                 \
  } while (false)

}  // namespace glmv::server
