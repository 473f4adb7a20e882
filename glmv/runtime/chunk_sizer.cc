#include "glmv/runtime/chunk_sizer.h"

#include <algorithm>

namespace glmv::runtime {

void ChunkSizer::observe(int64_t num_tokens, double ms) {
  // The end of a prompt is often short, and its time mostly that of reading the weights.
  if (num_tokens < std::min(kLeastChunkTokens, max_tokens_)) return;
  const double now = std::max(ms, 1e-6) / static_cast<double>(num_tokens);
  // Slower at once, for those who wait; faster by halves.
  ms_per_token_ = ms_per_token_ == 0 ? now : std::max(now, (ms_per_token_ + now) / 2);
}

int64_t ChunkSizer::num_tokens() const {
  const int64_t least = std::min(kLeastChunkTokens, max_tokens_);
  if (ms_per_token_ == 0) return least;
  const double fit = std::min(max_step_ms_ / ms_per_token_, static_cast<double>(max_tokens_));
  if (fit >= static_cast<double>(max_tokens_)) return max_tokens_;
  return std::max(static_cast<int64_t>(fit) / kLeastChunkTokens * kLeastChunkTokens, least);
}

}  // namespace glmv::runtime
