#pragma once
// How many tokens of a prompt fit into a step of a given time, from how long the last chunks took.

#include <cstdint>

namespace glmv::runtime {

// Smaller chunks are no faster on a CPU: the weights are read once for each.
inline constexpr int64_t kLeastChunkTokens = 32;

class ChunkSizer {
 public:
  // `max_tokens`: never more, and never less than the smaller of it and kLeastChunkTokens.
  ChunkSizer(double max_step_ms, int64_t max_tokens)
      : max_step_ms_(max_step_ms), max_tokens_(max_tokens) {}

  void observe(int64_t num_tokens, double ms);
  // A multiple of kLeastChunkTokens where it is not max_tokens. The least before anything was seen.
  int64_t num_tokens() const;

 private:
  double max_step_ms_;
  int64_t max_tokens_;
  double ms_per_token_ = 0;  // 0: unknown
};

}  // namespace glmv::runtime
