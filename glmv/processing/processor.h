#pragma once
// Messages with media -> ModelInput: template, decode, resize, normalise, placeholder expansion,
// tokenise, positions. The C++ counterpart of transformers' Glm4vProcessor / Glm46VProcessor.
// Immutable after load, thread-safe.

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/image.h"
#include "glmv/media/picture_decoder.h"
#include "glmv/media/video_reader.h"
#include "glmv/processing/document_plan.h"
#include "glmv/processing/media_cache.h"
#include "glmv/processing/model_input.h"
#include "glmv/processing/preparation.h"
#include "glmv/processing/processor_config.h"
#include "glmv/text/chat_template.h"
#include "glmv/text/message_tokens.h"
#include "glmv/text/messages.h"
#include "glmv/text/tokenizer.h"

namespace glmv::processing {

struct PromptOptions {
  text::RenderOptions render;
  // Upper limit of pixels per picture after resize (0: the processor's own limit).
  int64_t max_pixels = 0;
  text::TokensInText tokens_in_text = text::TokensInText::kMarkers;
  // Media are read from the sources in the messages. Off: only parts with pixels are taken.
  bool read_sources = true;
  // Who reads video files; null: children of this program (media/child_video_opener.h).
  std::shared_ptr<media::VideoOpener> videos;
  // Who decodes pictures that are read; null: this process, which uses them meanwhile.
  std::shared_ptr<media::PictureDecoder> pictures;
  // Who reads documents, and keeps what was read last; null: one for this call.
  std::shared_ptr<media::DocumentReader> documents;
  DocumentRule document_rule;
  // Where pictures and video files are looked up and kept; null: nowhere. Lists of frames are kept
  // only under a name that their part brings.
  std::shared_ptr<MediaCache> media_cache;
  std::string cache_salt;  // nothing kept under one is found under another
  // Hears which medium is read, and ends the reading; null: nobody watches.
  Preparation* preparation = nullptr;
};

// A picture or the frames of a video, decoded.
struct DecodedMedium {
  MediaKind kind = MediaKind::kImage;
  std::vector<media::Image> frames;   // one for an image
  std::vector<double> frame_times_s;  // videos: per frame (empty: i / 24)
};

class Processor {
 public:
  // Reads tokenizer, template and processor files of a checkpoint folder; `model_type` of
  // config.json picks defaults where files are missing.
  static Result<Processor> load(const std::filesystem::path& dir);

  Processor(Processor&&) noexcept;
  Processor& operator=(Processor&&) noexcept;
  ~Processor();

  // The whole path. Media are the pixels in the messages or, without such, read from the sources,
  // documents too.
  Result<ModelInput> process(std::span<const text::Message> messages,
                             const PromptOptions& options) const;

  // The same with decoded media given in prompt order (sources in the messages are ignored).
  Result<ModelInput> process_decoded(std::span<const text::Message> messages,
                                     std::span<const DecodedMedium> media,
                                     const PromptOptions& options) const;

  // From rendered text: expands placeholders for `media` (already turned into patches), tokenises
  // and computes positions. `untrusted`: byte ranges of `text` in which no added token may match.
  Result<ModelInput> assemble(const std::string& text, std::vector<Medium> media,
                              std::span<const text::ByteRange> untrusted = {}) const;

  // Resize, normalise and patchify one medium.
  Result<Medium> prepare(const DecodedMedium& medium, int64_t max_pixels = 0) const;

  const text::Tokenizer& tokenizer() const;
  const text::ChatTemplate& chat_template() const;
  int64_t patch_dim() const;
  int64_t merge_size() const;
  const ProcessorConfig& config() const;

 private:
  // Sets mm_token_types from input_ids; the number of image tokens.
  int64_t mark_media_tokens(ModelInput& input) const;

  struct Impl;
  explicit Processor(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace glmv::processing
