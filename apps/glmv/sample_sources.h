#pragma once
// The samples that `train` and `quantize` work on: dataset files or generated pictures.

#include <memory>
#include <string>

#include "glmv/train/sample_source.h"
#include "glmv/train/train_options.h"

namespace glmv::app {

using Source = std::unique_ptr<train::SampleSource>;

// Prints the dataset's warnings on stderr.
Result<Source> open_dataset(const std::string& path, const train::DataOptions& options);

// Samples [first, first + count) of a mixture of glmv/synth. with_visual_words: SynthSource's.
Result<Source> open_synth(const std::string& mixture, uint64_t first, int64_t count,
                          bool with_visual_words);

}  // namespace glmv::app
