#pragma once
// Decides what the engine does next. No tensors and no threads: the engine thread asks for a step,
// does it and reports it.
//
// Invariants (check_integrity):
//  1. Every sequence is in exactly one of waiting and running, and ids are unique.
//  2. At most max_running sequences run; after next_step() some wait only when so many run, or when
//     one was preempted or put back and none has left since (then memory is short, and some run).
//  3. Running and waiting sequences are each in the order of service: by rank, then id
//     (comes_before). Ranks are priorities, or kTopRank exactly where max_passed later requests
//     were admitted first: after a finite number of admissions every request is the next.
//  4. A sequence is kWaiting exactly when it is in waiting, and then nothing of it is computed.
//  5. kStarting: nothing is computed. kEncoding: some media are left to encode.
//     kPrefill: no media are left, 0 <= num_computed < num_tokens.
//     kDecode: no media are left, all tokens but the last generated one are computed.
//  6. Fairness: two steps of encoding or prefill never follow each other while a sequence that was
//     decoding before the first of them still waits for its next token.

#include <cstdint>
#include <memory>
#include <vector>

#include "glmv/runtime/sequence.h"

namespace glmv::runtime {

struct SchedulerOptions {
  int64_t max_running = 8;
  // So many later requests of better priority may begin before one that waits or reads its prompt.
  int64_t max_passed = 64;
  int64_t prefill_chunk_tokens = 512;
  // At most so many while others decode: they wait for the chunk before their next token.
  int64_t busy_chunk_tokens = 128;
};

// Chunks end at multiples of this, or of their size where it is less: blocks of the cache, where a
// known prefix ends, begin at such places.
inline constexpr int64_t kChunkGridTokens = 32;

struct Step {
  // kStart: the runner looks what is known of the sequence; it takes no time worth mentioning.
  enum class Kind { kIdle, kStart, kEncodeMedium, kPrefill, kDecode };
  Kind kind = Kind::kIdle;
  std::vector<Sequence*> sequences;  // one, or for kDecode all that decode
  int64_t num_tokens = 0;            // kPrefill: size of the chunk
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerOptions options);

  void add(std::unique_ptr<Sequence> sequence);

  // Admits waiting sequences, then picks: the next medium or prompt chunk of the first sequence
  // that is not decoding, in turn with one token for all that decode. Every step must be reported
  // (or its sequences removed or preempted) before the next call; a medium may take several steps.
  // Alone, a prompt is cut at multiples of prefill_chunk_tokens, whatever was found in the cache.
  Step next_step();

  // Of later steps.
  void set_busy_chunk_tokens(int64_t num_tokens);

  // The first `num_computed` tokens were found in the cache, these media are to be encoded.
  void started(Sequence& sequence, int64_t num_computed, std::vector<size_t> media_left);

  void medium_encoded(Sequence& sequence);
  void prefilled(Sequence& sequence, int64_t num_tokens);
  // A generated token, after the last prefill chunk or a decode step.
  void token_generated(Sequence& sequence, int32_t token_id);

  // Memory is short: the last running sequence, of the lowest priority and of these the youngest,
  // goes back to the queue and will be computed again. Returns it. Nobody is admitted until a
  // sequence has left.
  Sequence& preempt_last();
  // Memory is short for a sequence that starts: it waits again, and with it all others that have
  // not started yet, so that none passes it. Nobody is admitted until a sequence has left.
  void put_back_starting();

  // Takes a sequence out in any state; null when there is none with this id.
  std::unique_ptr<Sequence> remove(RequestId id);

  // All sequences, running ones first, each in the order of service.
  std::vector<Sequence*> sequences() const;
  int64_t num_running() const { return static_cast<int64_t>(running_.size()); }
  int64_t num_decoding() const;
  // Running ones that have room in the cache.
  int64_t num_started() const;
  int64_t num_waiting() const { return static_cast<int64_t>(waiting_.size()); }
  bool empty() const { return running_.empty() && waiting_.empty(); }

  // Throws InternalError naming the broken invariant.
  void check_integrity() const;

 private:
  void admit();
  // A sequence is admitted: those that came earlier and have nothing to show yet age.
  void count_passed(RequestId admitted);
  void wait_again(std::unique_ptr<Sequence> sequence);

  SchedulerOptions options_;
  std::vector<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
  bool decode_turn_ = false;
  bool admission_closed_ = false;  // since a preemption or a start without room
};

}  // namespace glmv::runtime
