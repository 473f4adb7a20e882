#include "glmv/processing/processor.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/json.h"
#include "glmv/media/child_video_opener.h"
#include "glmv/media/file_url.h"
#include "glmv/media/source.h"
#include "glmv/media/video_source.h"
#include "glmv/processing/frame_sampling.h"
#include "glmv/processing/image_processor.h"
#include "glmv/processing/media_cache.h"
#include "glmv/processing/media_digest.h"
#include "glmv/processing/placeholders.h"
#include "glmv/processing/position_ids.h"
#include "glmv/processing/video_plan.h"

namespace glmv::processing {
namespace {

constexpr double kDefaultFps = 24.0;  // of frames that come without times
// Tokens of a picture that Detail::kOriginal does not scale down.
constexpr int64_t kOriginalTokens = 6084;

Result<std::string> read_model_type(const std::filesystem::path& dir) {
  GLMV_ASSIGN(const Json config, read_json_file(dir / "config.json"));
  const auto it = config.is_object() ? config.find("model_type") : config.end();
  if (it == config.end() || !it->is_string()) {
    return invalid_argument("{}: model_type is missing", (dir / "config.json").string());
  }
  return it->get<std::string>();
}

// Times of `num_frames` frames: as given, else by frame rate.
Result<std::vector<double>> frame_times(const std::vector<double>& given, size_t num_frames,
                                        double fps) {
  if (given.empty()) {
    if (!(fps > 0) || !std::isfinite(fps)) {
      return invalid_argument("video: fps is {}; expected a number above 0", fps);
    }
    std::vector<double> times(num_frames);
    for (size_t i = 0; i < num_frames; ++i) times[i] = static_cast<double>(i) / fps;
    return times;
  }
  if (given.size() != num_frames) {
    return invalid_argument("video: {} frames but {} times", num_frames, given.size());
  }
  for (double time : given) {
    if (!(time >= 0) || time > 1e9) {
      return invalid_argument("video: a frame time is {}; expected seconds from 0", time);
    }
  }
  return given;
}

media::ImageView view_of(const RgbPixels& pixels) {
  return {pixels.width, pixels.height, pixels.data.get()};
}

// Errors: cancelled.
Result<void> note_medium(const text::ContentPart& part, Preparation* preparation) {
  if (preparation == nullptr || !part.pixels.empty()) return {};
  if (preparation->is_stopped()) return cancelled("reading the media was stopped");
  std::string_view name = part.name.empty() ? part.source : part.name;
  if (media::has_prefix_ignoring_case(name, "data:")) name = {};
  preparation->begin(media::short_name(name.substr(name.rfind('/') + 1)));
  return {};
}

std::vector<text::ByteRange> untrusted_ranges(const text::Rendered& rendered,
                                              const PromptOptions& options) {
  return text::untrusted_parts(rendered.text, rendered.content_ranges, options.tokens_in_text);
}

}  // namespace

struct Processor::Impl {
  text::Tokenizer tokenizer;
  text::ChatTemplate chat_template;
  ProcessorConfig config;
  // -1 where the tokenizer has no such token: the model then takes text only.
  int32_t image_token = -1;
  int32_t video_start = -1;
  int32_t video_end = -1;

  const MediaConfig& config_of(MediaKind kind) const {
    return kind == MediaKind::kImage ? config.image : config.video;
  }

  // Creates the builder at the first frame, whose size decides.
  static Result<void> add_frame(std::optional<PatchBuilder>& builder, const MediaConfig& media,
                                MediaKind kind, size_t num_frames, const media::ImageView& frame,
                                int64_t max_pixels) {
    if (!builder) {
      auto created = PatchBuilder::create(media, kind, static_cast<int64_t>(num_frames),
                                          frame.width, frame.height, max_pixels);
      if (!created) return std::unexpected(created.error());
      builder.emplace(std::move(*created));
    }
    return builder->add(frame);
  }

  Medium finish(std::optional<PatchBuilder>& builder, std::span<const double> times) const {
    Medium medium = std::move(*builder).finish();
    if (medium.kind == MediaKind::kVideo) {
      medium.timestamps_s = slice_times(times, medium.grid.t, config.video.temporal_patch_size);
    }
    return medium;
  }

  Result<Medium> load(const text::ContentPart& part, const PromptOptions& options) const {
    const bool image = part.kind == text::PartKind::kImage;
    const MediaKind kind = image ? MediaKind::kImage : MediaKind::kVideo;
    if (part.packed) return unpack(*part.packed, kind, config_of(kind));
    return image ? load_image(part, options) : load_video(part, options);
  }

  // The name of what is read from one file, where media are kept.
  std::optional<Digest> key_of(const text::ContentPart& part, const Digest& file,
                               const PromptOptions& options) const {
    if (!options.media_cache) return std::nullopt;
    return media_key(part, {&file, 1}, config, options.max_pixels, options.cache_salt);
  }

  std::optional<Medium> find(const std::optional<Digest>& key, MediaKind kind,
                             const PromptOptions& options) const {
    const auto packed = key ? options.media_cache->find(*key) : nullptr;
    if (packed == nullptr) return std::nullopt;
    return unpack(*packed, kind, config_of(kind));
  }

  Medium keep(const std::optional<Digest>& key, Medium medium, const PromptOptions& options) const {
    if (!options.media_cache || !key) return medium;
    medium.digest = media_digest(medium);
    options.media_cache->put(*key, pack(medium, config_of(medium.kind)));
    return medium;
  }

  Result<Medium> load_image(const text::ContentPart& part, const PromptOptions& options) const {
    MediaConfig media = config.image;
    const int64_t max_pixels = part_max_pixels(part, options.max_pixels, media);
    if (part.detail == text::Detail::kOriginal) {
      const int64_t factor = media.patch_size * media.merge_size;
      media.max_pixels =
          std::max(media.max_pixels, kOriginalTokens * factor * factor * media.temporal_patch_size);
    }
    if (!part.pixels.empty()) {
      const media::ImageView view = view_of(part.pixels[0]);
      if (part.pixels_fit) media.do_resize = false;
      GLMV_ASSIGN(PatchBuilder builder, PatchBuilder::create(media, MediaKind::kImage, 1,
                                                             view.width, view.height, max_pixels));
      GLMV_RETURN_IF_ERROR(builder.add(view));
      return keep(part.media_key, std::move(builder).finish(), options);
    }
    if (!options.read_sources) return unsupported("the picture was not loaded");
    GLMV_ASSIGN(const media::SourceBytes file, media::load_source(part.source));
    std::optional<Digest> key;
    if (options.media_cache) {
      key = key_of(part, sha256_of(file.bytes), options);
      if (auto found = find(key, MediaKind::kImage, options)) return *std::move(found);
    }
    // The reader is gone before the pixels that it reads.
    media::DecodedImage decoded;
    PictureReader reader(media, max_pixels);
    if (options.pictures) {
      GLMV_ASSIGN(decoded, options.pictures->decode_file(file.bytes, file.name,
                                                         wanted_by(options.preparation)));
    } else {
      GLMV_ASSIGN(decoded, media::decode_image(file.bytes, file.name, {.reader = &reader}));
    }
    GLMV_ASSIGN(Medium medium, reader.finish(decoded.image));
    return keep(key, std::move(medium), options);
  }

  Result<Medium> load_video_file(text::ContentPart part, const PromptOptions& options) const {
    GLMV_ASSIGN(const media::VideoSource source, media::open_video_source(part.source));
    part.media_key.reset();
    if (options.media_cache) {
      const auto digest = media::digest_of(*source.file);
      if (!digest) return in_context(source.name, digest.error());
      part.media_key = key_of(part, *digest, options);
      if (auto found = find(part.media_key, MediaKind::kVideo, options)) return *std::move(found);
    }
    const auto videos =
        options.videos ? options.videos : std::make_shared<media::ChildVideoOpener>();
    const Wanted wanted = wanted_by(options.preparation);
    auto reader = videos->open(source.file, wanted);
    if (!reader) return in_context(source.name, reader.error());
    auto plan = plan_video((*reader)->info(), part, config,
                           part_max_pixels(part, options.max_pixels, config.video));
    if (!plan) return in_context(source.name, plan.error());
    const auto read = read_video(**reader, *plan, part, wanted, options.preparation);
    if (!read) {
      return in_context(source.name, read.error());
    }
    return load_video(part, options);
  }

  Result<Medium> load_video(const text::ContentPart& part, const PromptOptions& options) const {
    const bool decoded = !part.pixels.empty();
    if (!decoded && !options.read_sources) return unsupported("the video was not loaded");
    if (!decoded && part.frames.empty()) return load_video_file(part, options);
    const size_t num_given = decoded ? part.pixels.size() : part.frames.size();
    GLMV_ASSIGN(const std::vector<double> given_times,
                frame_times(part.frame_times_s, num_given, part.list_fps()));
    const auto count = static_cast<int64_t>(num_given);
    const std::vector<int64_t> taken =
        spread_frames(count, part.max_frames > 0 ? part.max_frames : count);
    const int64_t max_pixels = part_max_pixels(part, options.max_pixels, config.video);
    MediaConfig media = config.video;
    if (part.pixels_fit) media.do_resize = false;
    std::vector<double> times;
    std::optional<PatchBuilder> builder;
    for (const int64_t index : taken) {
      times.push_back(given_times[index]);
      media::DecodedImage loaded;
      if (!decoded) {
        GLMV_ASSIGN(loaded, media::load_image(part.frames[index], options.pictures.get(),
                                              wanted_by(options.preparation)));
      }
      const media::ImageView frame = decoded ? view_of(part.pixels[index]) : loaded.image;
      GLMV_RETURN_IF_ERROR(
          add_frame(builder, media, MediaKind::kVideo, taken.size(), frame, max_pixels));
    }
    return keep(part.media_key, finish(builder, times), options);
  }
};

Processor::Processor(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Processor::Processor(Processor&&) noexcept = default;
Processor& Processor::operator=(Processor&&) noexcept = default;
Processor::~Processor() = default;

Result<Processor> Processor::load(const std::filesystem::path& dir) {
  GLMV_ASSIGN(const std::string model_type, read_model_type(dir));
  GLMV_ASSIGN(ProcessorConfig config, read_processor_config(dir));
  GLMV_ASSIGN(text::Tokenizer tokenizer, text::Tokenizer::load(dir));
  GLMV_ASSIGN(text::ChatTemplate chat_template, text::ChatTemplate::load(dir, model_type));
  const int32_t image_token = tokenizer.token_id(kImageToken).value_or(-1);
  const int32_t video_start = tokenizer.token_id(kVideoStart).value_or(-1);
  const int32_t video_end = tokenizer.token_id(kVideoEnd).value_or(-1);
  return Processor(
      std::make_unique<const Impl>(Impl{std::move(tokenizer), std::move(chat_template),
                                        std::move(config), image_token, video_start, video_end}));
}

Result<Medium> Processor::prepare(const DecodedMedium& medium, int64_t max_pixels) const {
  const bool video = medium.kind == MediaKind::kVideo;
  const size_t num_frames = medium.frames.size();
  if (num_frames == 0 || (!video && num_frames != 1)) {
    return invalid_argument("a {} of {} frames", video ? "video" : "picture", num_frames);
  }
  GLMV_ASSIGN(const std::vector<double> times,
              frame_times(medium.frame_times_s, num_frames, kDefaultFps));
  std::optional<PatchBuilder> builder;
  for (const media::Image& frame : medium.frames) {
    GLMV_RETURN_IF_ERROR(impl_->add_frame(builder, impl_->config_of(medium.kind), medium.kind,
                                          num_frames, frame, max_pixels));
  }
  return impl_->finish(builder, times);
}

Result<ModelInput> Processor::process(std::span<const text::Message> messages,
                                      const PromptOptions& options) const {
  if (has_documents(messages)) {
    if (!options.read_sources) return unsupported("the document was not loaded");
    const auto reader =
        options.documents ? options.documents : std::make_shared<media::DocumentReader>();
    GLMV_ASSIGN(const std::vector<text::Message> expanded,
                expand_documents(messages, *reader, impl_->config, options.document_rule,
                                 options.max_pixels, options.preparation));
    return process(expanded, options);
  }
  GLMV_ASSIGN(const text::Rendered rendered, impl_->chat_template.render(messages, options.render));
  std::vector<Medium> media;
  for (size_t m = 0; m < messages.size(); ++m) {
    for (size_t p = 0; p < messages[m].content.size(); ++p) {
      const text::ContentPart& part = messages[m].content[p];
      if (part.kind == text::PartKind::kText) continue;
      GLMV_RETURN_IF_ERROR(note_medium(part, options.preparation));
      auto medium = impl_->load(part, options);
      if (!medium) return text::in_part(part, m, p, medium.error());
      media.push_back(std::move(*medium));
    }
  }
  return assemble(rendered.text, std::move(media), untrusted_ranges(rendered, options));
}

Result<ModelInput> Processor::process_decoded(std::span<const text::Message> messages,
                                              std::span<const DecodedMedium> media,
                                              const PromptOptions& options) const {
  GLMV_ASSIGN(const text::Rendered rendered, impl_->chat_template.render(messages, options.render));
  std::vector<Medium> prepared;
  for (size_t i = 0; i < media.size(); ++i) {
    auto medium = prepare(media[i], options.max_pixels);
    if (!medium) return in_context(fmt::format("medium {}", i), medium.error());
    prepared.push_back(std::move(*medium));
  }
  return assemble(rendered.text, std::move(prepared), untrusted_ranges(rendered, options));
}

Result<ModelInput> Processor::assemble(const std::string& text, std::vector<Medium> media,
                                       std::span<const text::ByteRange> untrusted) const {
  const int64_t merge = merge_size();
  GLMV_ASSIGN(const Expanded expanded,
              expand_placeholders(text, media, untrusted, impl_->config.timestamps, merge));
  ModelInput input;
  GLMV_ASSIGN(input.input_ids,
              impl_->tokenizer.encode(expanded.text, {.untrusted = expanded.untrusted}));
  const int64_t num_image_tokens = mark_media_tokens(input);
  if (num_image_tokens != expanded.num_image_tokens) {
    if (impl_->image_token < 0) {
      return unsupported("the tokenizer has no {} token: this model takes text only", kImageToken);
    }
    return invalid_argument("placeholder_mismatch: {} {} tokens in the prompt, the media have {}",
                            num_image_tokens, kImageToken, expanded.num_image_tokens);
  }
  for (size_t index : expanded.order) input.media.push_back(std::move(media[index]));
  GLMV_RETURN_IF_ERROR(set_position_ids(input, merge));
  return input;
}

int64_t Processor::mark_media_tokens(ModelInput& input) const {
  input.mm_token_types.assign(input.input_ids.size(), 0);
  int64_t open_videos = 0;  // starts seen minus ends seen
  int64_t count = 0;
  for (size_t i = 0; i < input.input_ids.size(); ++i) {
    const int32_t id = input.input_ids[i];
    if (id < 0) continue;
    if (id == impl_->video_start) ++open_videos;
    if (id == impl_->video_end) --open_videos;
    if (id != impl_->image_token) continue;
    input.mm_token_types[i] = open_videos > 0 ? 2 : 1;
    ++count;
  }
  return count;
}

const text::Tokenizer& Processor::tokenizer() const { return impl_->tokenizer; }
const text::ChatTemplate& Processor::chat_template() const { return impl_->chat_template; }
const ProcessorConfig& Processor::config() const { return impl_->config; }
int64_t Processor::patch_dim() const { return impl_->config.image.patch_dim(); }
int64_t Processor::merge_size() const { return impl_->config.image.merge_size; }

}  // namespace glmv::processing
