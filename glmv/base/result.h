#pragma once
// Errors as values. Anything a user, file or peer can get wrong returns Result<T>; the text of a
// Status says what is wrong, where, and what to do next. Bugs of ours use GLMV_CHECK (check.h).

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace glmv {

enum class Code {
  kInvalidArgument,    // HTTP 400, exit 2: the input is malformed
  kNotFound,           // HTTP 404, exit 3: a file, name or id does not exist
  kUnsupported,        // HTTP 422, exit 4: well formed, but not something we can do
  kResourceExhausted,  // HTTP 503, exit 5: memory, disk or a configured limit
  kCancelled,          // HTTP 499, exit 6: stopped by the caller
  kUnavailable,        // HTTP 503, exit 7: a peer or device does not answer
  kInternal,           // HTTP 500, exit 8: a bug of ours
};

std::string_view code_name(Code code);
int exit_code(Code code);
int http_status(Code code);

struct [[nodiscard]] Status {
  Code code = Code::kInternal;
  std::string message;
};

// A value or the reason why there is none.
template <class T>
using Result = std::expected<T, Status>;

template <class... Args>
std::unexpected<Status> invalid_argument(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(
      Status{Code::kInvalidArgument, fmt::format(text, std::forward<Args>(args)...)});
}
template <class... Args>
std::unexpected<Status> not_found(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Status{Code::kNotFound, fmt::format(text, std::forward<Args>(args)...)});
}
template <class... Args>
std::unexpected<Status> unsupported(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(
      Status{Code::kUnsupported, fmt::format(text, std::forward<Args>(args)...)});
}
template <class... Args>
std::unexpected<Status> resource_exhausted(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(
      Status{Code::kResourceExhausted, fmt::format(text, std::forward<Args>(args)...)});
}
template <class... Args>
std::unexpected<Status> cancelled(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Status{Code::kCancelled, fmt::format(text, std::forward<Args>(args)...)});
}
template <class... Args>
std::unexpected<Status> unavailable(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(
      Status{Code::kUnavailable, fmt::format(text, std::forward<Args>(args)...)});
}
template <class... Args>
std::unexpected<Status> internal_error(fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Status{Code::kInternal, fmt::format(text, std::forward<Args>(args)...)});
}

// Prefixes the message of an error with where it happened ("config.json: ...").
inline std::unexpected<Status> in_context(std::string_view where, const Status& status) {
  return std::unexpected(Status{status.code, fmt::format("{}: {}", where, status.message)});
}

}  // namespace glmv

#define GLMV_CONCAT_INNER(a, b) a##b
#define GLMV_CONCAT(a, b) GLMV_CONCAT_INNER(a, b)

// GLMV_ASSIGN(auto x, expr): x = value of expr, or return its error from the enclosing function.
#define GLMV_ASSIGN(decl, expr) GLMV_ASSIGN_IMPL(GLMV_CONCAT(glmv_result_, __LINE__), decl, expr)
#define GLMV_ASSIGN_IMPL(tmp, decl, expr)                   \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  decl = std::move(*tmp)

// GLMV_RETURN_IF_ERROR(expr): for Result<void> and results whose value is not needed.
#define GLMV_RETURN_IF_ERROR(expr)                                            \
  do {                                                                        \
    auto glmv_status = (expr);                                                \
    if (!glmv_status) return std::unexpected(std::move(glmv_status).error()); \
  } while (false)
