#include "apps/glmv/synth_source.h"

#include "glmv/synth/cell_words.h"

namespace glmv::app {

Result<train::Sample> SynthSource::get(int64_t index) const {
  synth::QaSample drawn =
      synth::make_training_sample(first_index_ + static_cast<uint64_t>(index), mixture_);
  train::Sample sample;
  text::Message user = text::Message::user("");
  user.content = {{.kind = text::PartKind::kImage},
                  {.kind = text::PartKind::kText, .text = std::move(drawn.question)}};
  user.content_is_string = false;
  if (with_visual_words_) sample.visual_words = synth::cell_words(drawn.scene);
  sample.messages.push_back(std::move(user));
  sample.messages.push_back(text::Message::assistant(std::move(drawn.reply)));
  processing::DecodedMedium medium;
  medium.frames.push_back(std::move(drawn.image));
  sample.media.push_back(std::move(medium));
  return sample;
}

}  // namespace glmv::app
