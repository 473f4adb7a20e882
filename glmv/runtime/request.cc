#include "glmv/runtime/request.h"

namespace glmv::runtime {

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone:
      return "none";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kRepetition:
      return "repetition";
    case FinishReason::kError:
      return "error";
  }
  return "unknown";
}

}  // namespace glmv::runtime
