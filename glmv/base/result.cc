#include "glmv/base/result.h"

namespace glmv {
namespace {

struct CodeRow {
  std::string_view name;
  int exit_code;
  int http_status;
};

// Indexed by Code.
constexpr CodeRow kRows[] = {
    {"invalid_argument", 2, 400},   {"not_found", 3, 404}, {"unsupported", 4, 422},
    {"resource_exhausted", 5, 503}, {"cancelled", 6, 499}, {"unavailable", 7, 503},
    {"internal", 8, 500},
};

}  // namespace

std::string_view code_name(Code code) { return kRows[static_cast<int>(code)].name; }
int exit_code(Code code) { return kRows[static_cast<int>(code)].exit_code; }
int http_status(Code code) { return kRows[static_cast<int>(code)].http_status; }

}  // namespace glmv
