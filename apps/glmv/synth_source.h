#pragma once

#include "glmv/synth/tasks.h"
#include "glmv/train/sample_source.h"

namespace glmv::app {

// Generated samples as training data: sample `index` is drawn when it is asked for, so that a run
// of any length sees every picture once.
class SynthSource final : public train::SampleSource {
 public:
  // with_visual_words: for the objective of that name; they cost time.
  SynthSource(const synth::Mixture& mixture, uint64_t first_index, int64_t size,
              bool with_visual_words)
      : mixture_(mixture),
        first_index_(first_index),
        size_(size),
        with_visual_words_(with_visual_words) {}

  int64_t size() const override { return size_; }
  Result<train::Sample> get(int64_t index) const override;

 private:
  const synth::Mixture& mixture_;
  uint64_t first_index_;
  int64_t size_;
  bool with_visual_words_;
};

}  // namespace glmv::app
