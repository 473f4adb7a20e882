#pragma once
// GLMV_CHECK guards our own invariants. A failure is a bug: it throws InternalError, which is
// caught in exactly two places (the engine step and main). Never use it for user input.

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace glmv {

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void throw_internal_error(const char* file, int line, const char* condition,
                                       const std::string& detail);

}  // namespace glmv

// GLMV_CHECK(cond) or GLMV_CHECK(cond, "fmt {}", args...).
#define GLMV_CHECK(condition, ...)                                                       \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      ::glmv::throw_internal_error(__FILE__, __LINE__, #condition,                       \
                                   std::string(__VA_OPT__(::fmt::format(__VA_ARGS__)))); \
    }                                                                                    \
  } while (false)
