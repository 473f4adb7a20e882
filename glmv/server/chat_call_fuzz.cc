// Any body gives a call whose fields are in their ranges, or an error that can be sent.

#include <cstdint>
#include <cstdlib>

#include "glmv/server/chat_call.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  auto json = server::parse_body({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto call = server::parse_chat_call(std::move(*json));
  if (!call) {
    const bool ok = call.error().status >= 400 && call.error().status < 500 &&
                    server::to_json(call.error()).dump().size() < 20'000;
    if (!ok) std::abort();
    return 0;
  }
  const api::ChatRequest& request = call->request;
  const bool ok = call->n >= 1 && call->n <= 16 && !request.messages.empty() &&
                  request.temperature.value_or(1) >= 0 && request.temperature.value_or(1) <= 2 &&
                  request.top_p.value_or(1) > 0 && request.max_tokens.value_or(1) >= 1 &&
                  request.top_logprobs >= 0 && request.top_logprobs <= 20 &&
                  request.stop.size() <= 16;
  if (!ok) std::abort();
  return 0;
}
