#include "glmv/runtime/sequence.h"

#include <algorithm>
#include <utility>

namespace glmv::runtime {

std::string_view sequence_state_name(SequenceState state) {
  switch (state) {
    case SequenceState::kWaiting:
      return "waiting";
    case SequenceState::kStarting:
      return "starting";
    case SequenceState::kEncoding:
      return "encoding";
    case SequenceState::kPrefill:
      return "prefill";
    case SequenceState::kDecode:
      return "decode";
  }
  return "unknown";
}

Sequence::Sequence(std::shared_ptr<RequestHandle> handle_in, Request request_in)
    : handle(std::move(handle_in)), request(std::move(request_in)) {
  tokens = request.input.input_ids;
  num_prompt = num_tokens();
  rank = request.priority;
  num_image_tokens =
      std::ranges::count_if(request.input.mm_token_types, [](uint8_t type) { return type != 0; });
  for (const processing::Medium& medium : request.input.media) {
    num_patches += medium.grid.num_patches();
  }
}

double ms_since(Sequence::Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Sequence::Clock::now() - start).count();
}

}  // namespace glmv::runtime
