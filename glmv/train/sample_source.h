#pragma once
// Where training samples come from: dataset files, or generated pictures (glmv/synth through the
// program). Thread-safe: get() may run on several threads.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/processing/processor.h"
#include "glmv/text/messages.h"

namespace glmv::train {

// One conversation. Media parts of `messages` refer to `media` in order when it is not empty,
// otherwise to their sources.
struct Sample {
  std::vector<text::Message> messages;
  std::vector<processing::DecodedMedium> media;
  // Passed to the template (enable_thinking), when set.
  std::optional<bool> enable_thinking;
  // What each visual token of `media` shows, in order: words of one token each. Only generated
  // pictures have them; for the objective visual-words.
  std::vector<std::vector<std::string>> visual_words;
  // Tool definitions for the template: null or a list.
  Json tools;
};

class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual int64_t size() const = 0;
  // Deterministic in `index`; errors name the sample.
  virtual Result<Sample> get(int64_t index) const = 0;
};

}  // namespace glmv::train
