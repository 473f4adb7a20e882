#pragma once
// Runs the model for the engine. The interface has no tensor types, so that scheduling and the
// engine loop are tested with a scripted runner; make_model_runner() (torch_model_runner.h) gives
// the real one.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "glmv/runtime/sequence.h"

namespace glmv::runtime {

class ModelRunner {
 public:
  virtual ~ModelRunner() = default;

  // Called once on the engine thread before everything else.
  virtual void attach_thread() {}

  virtual int64_t vocab_size() const = 0;

  // Creates sequence.runner_state; called once, when the sequence's first step begins.
  virtual void start(Sequence& sequence) = 0;

  // Encodes media[sequence.num_encoded]. `progress(fraction)` is called now and then with the done
  // fraction in [0, 1]; when it returns false the work stops and the result is false.
  virtual bool encode_medium(Sequence& sequence, const std::function<bool(double)>& progress) = 0;

  // Feeds the next num_tokens prompt tokens. When they are the last ones: the logits [V] of the
  // last; else empty.
  virtual std::vector<float> prefill(Sequence& sequence, int64_t num_tokens) = 0;

  // Feeds the last token of each sequence in one batch; logits [sequences, V] row by row.
  virtual std::vector<float> decode(std::span<Sequence* const> sequences) = 0;
};

}  // namespace glmv::runtime
