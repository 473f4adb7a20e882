#pragma once
// One request inside the engine: its tokens, how far the model has come with them, and what it
// needs to go on. Owned by the scheduler, touched only on the engine thread.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "glmv/runtime/draft_planner.h"
#include "glmv/runtime/generation.h"
#include "glmv/runtime/request.h"
#include "glmv/runtime/token_queue.h"

namespace glmv::runtime {

//  kWaiting --admitted--> kStarting --media to encode--> kEncoding --all done--> kPrefill -->
//  kDecode
//      ^                      \------------- none to encode ------------------------^
//      \------ preempted, from every other state: its cache is given to sequences before it
// A sequence leaves the scheduler from any state when it finishes, fails or is cancelled. In
// kPrefill all its tokens are read: the prompt and, after a preemption, what was generated before.
enum class SequenceState { kWaiting, kStarting, kEncoding, kPrefill, kDecode };
std::string_view sequence_state_name(SequenceState state);

// What a model runner keeps for a sequence (cache, encoded pictures), across preemptions.
class RunnerState {
 public:
  virtual ~RunnerState() = default;
};

// Shared with the TokenStream: the only things other threads touch.
struct RequestHandle {
  RequestId id = 0;
  TokenQueue queue;
  std::atomic<bool> cancelled = false;
};

struct Sequence {
  using Clock = std::chrono::steady_clock;

  explicit Sequence(std::shared_ptr<RequestHandle> handle, Request request);

  int64_t num_tokens() const { return static_cast<int64_t>(tokens.size()); }
  int64_t num_generated() const { return num_tokens() - num_prompt; }
  bool cancelled() const { return handle->cancelled.load(std::memory_order_relaxed); }

  std::shared_ptr<RequestHandle> handle;
  Request request;              // media lose their patches once encoded
  std::vector<int32_t> tokens;  // prompt, then generated ones
  int64_t num_prompt = 0;
  int64_t num_image_tokens = 0;
  int64_t num_patches = 0;  // of all media
  int64_t num_patches_done = 0;
  int64_t num_patches_cached = 0;  // found in the caches at the first start

  // Place in the order of service: by rank, then id. The request's priority, or kTopRank once so
  // many later requests were served first that it is its turn.
  int64_t rank = 0;
  int64_t times_passed = 0;

  SequenceState state = SequenceState::kWaiting;
  std::vector<size_t> media_left;  // indices of the media still to encode, set when it starts
  int64_t num_computed = 0;        // tokens in the cache
  bool started = false;            // at least once
  bool encoding_paused = false;    // in the middle of media_left[0]
  bool reading = false;            // the consumer was told that the prompt is being read
  int64_t num_cached = 0;          // of the prompt, found in the cache at the first start

  std::unique_ptr<RunnerState> runner_state;
  std::unique_ptr<Generation> generation;
  DraftRecord looked_up, guessed;  // by look_up_next(), by the model's own layer

  Timings timings;
  Clock::time_point submitted = Clock::now();
  Clock::time_point first_started{};
  Clock::time_point decode_started{};
};

inline constexpr int64_t kTopRank = std::numeric_limits<int64_t>::min();

// Whether a is served before b.
inline bool comes_before(const Sequence& a, const Sequence& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.handle->id < b.handle->id;
}

// Milliseconds from `start` to now.
double ms_since(Sequence::Clock::time_point start);

}  // namespace glmv::runtime
