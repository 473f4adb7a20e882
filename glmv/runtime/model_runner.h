#pragma once
// Runs the model for the engine. The interface has no tensor types, so that scheduling and the
// engine loop are tested with a scripted runner; make_model_runner() (torch_model_runner.h) gives
// the real one.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "glmv/runtime/metrics.h"
#include "glmv/runtime/sequence.h"

namespace glmv::runtime {

class ModelRunner {
 public:
  virtual ~ModelRunner() = default;

  // Called once on the engine thread before everything else.
  virtual void attach_thread() {}

  virtual int64_t vocab_size() const = 0;

  struct Start {
    int64_t num_cached = 0;          // tokens that need no computing, below sequence.num_tokens()
    std::vector<size_t> media_left;  // indices of the media to encode, ascending
  };
  // Makes sequence.runner_state where there is none, looks up the longest known prefix and reserves
  // the cache for all tokens of the sequence, so that a further block is left for each of
  // `num_others`. None, and nothing is held, when the cache has no room for that.
  // Called when the sequence starts, and again after a preemption.
  virtual std::optional<Start> start(Sequence& sequence, int64_t num_others) = 0;

  // Makes room for one token more; false when the cache is full.
  virtual bool reserve(Sequence& sequence) = 0;

  // Gives the cache of the sequence back, nothing else.
  virtual void preempt(Sequence& sequence) = 0;

  // Encodes media[sequence.media_left[0]], or goes on with it after a pause. `progress(fraction)`
  // is called after every part of the work but the last with the done fraction in (0, 1) and
  // decides. True when the medium is encoded.
  enum class Encoding { kGoOn, kPause, kStop };
  virtual bool encode_medium(Sequence& sequence,
                             const std::function<Encoding(double)>& progress) = 0;

  // Feeds the next num_tokens of sequence.tokens. When they are the last ones: the logits [V] of
  // the last; else empty.
  virtual std::vector<float> prefill(Sequence& sequence, int64_t num_tokens) = 0;

  // Feeds the last token of each sequence in one batch; logits [sequences, V] row by row.
  virtual std::vector<float> decode(std::span<Sequence* const> sequences) = 0;

  // Feeds the last token of the sequence and `draft`, guesses of what follows it, in one pass:
  // logits [1 + draft, V]. None, and nothing is fed, when the cache has no room or the runner
  // cannot. Then keep() must follow, or the sequence ends.
  virtual std::optional<std::vector<float>> verify(Sequence& /*sequence*/,
                                                   std::span<const int32_t> /*draft*/) {
    return std::nullopt;
  }
  // Up to `most` guesses of the model itself (MTP) of what follows the last token; none where it
  // has no such layer or the cache no room.
  virtual bool can_guess() const { return false; }
  virtual std::vector<int32_t> guess(Sequence& /*sequence*/, int64_t /*most*/) { return {}; }
  // Drops from the cache all but the first sequence.num_computed tokens.
  virtual void keep(Sequence& /*sequence*/) {}

  // The sequence has ended as it should; its cache will be given back with its state.
  virtual void finished(Sequence& /*sequence*/) {}

  virtual CacheUse cache_use() const { return {}; }
  virtual EncoderCacheUse encoder_cache_use() const { return {}; }

  // Throws InternalError where the cache is not what these sequences, all there are, hold.
  virtual void check_integrity(std::span<Sequence* const> /*sequences*/) const {}
};

}  // namespace glmv::runtime
