#include "glmv/server/media_loader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>
#include <span>

#include "glmv/base/check.h"
#include "glmv/media/base64.h"
#include "glmv/media/data_url.h"
#include "glmv/media/file_url.h"
#include "glmv/media/source.h"
#include "glmv/media/video_source.h"
#include "glmv/processing/frame_sampling.h"
#include "glmv/processing/grid.h"
#include "glmv/processing/video_plan.h"
#include "glmv/server/fetch_ahead.h"
#include "glmv/server/media_errors.h"

namespace glmv::server {
namespace {

using text::ContentPart;
using text::PartKind;

// The picture's memory, counted as long as anybody holds it.
RgbPixels hold(RgbPixels pixels, std::shared_ptr<std::atomic<int64_t>> held_bytes) {
  struct Held {
    RgbPixels pixels;
    std::shared_ptr<std::atomic<int64_t>> counter;
    int64_t num_bytes() const { return int64_t{3} * pixels.width * pixels.height; }
    ~Held() { *counter -= num_bytes(); }
  };
  const auto owner = std::make_shared<Held>(std::move(pixels), std::move(held_bytes));
  *owner->counter += owner->num_bytes();
  return {owner->pixels.width, owner->pixels.height,
          std::shared_ptr<const uint8_t>(owner, owner->pixels.data.get())};
}

bool has_remote_scheme(std::string_view source) {
  return media::has_prefix_ignoring_case(source, "http://") ||
         media::has_prefix_ignoring_case(source, "https://");
}

constexpr std::string_view kUploadScheme = "file:";

// "file:ID", and not "file:///path".
bool is_upload(std::string_view source) {
  return source.starts_with(kUploadScheme) && !source.starts_with("file:/");
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::optional<std::vector<double>> numbers(std::string_view text) {
  std::vector<double> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const auto value = number(text.substr(begin, end - begin));
    if (!value) return {};
    out.push_back(*value);
    begin = end + 1;
  }
  return out;
}

// Frame rate and times that a data:video/jpeg URL carries; fields of the part go first.
bool read_frame_parameters(const media::DataUrl& url, ContentPart& part) {
  const auto fps = number(url.parameter("fps"));
  const auto total = number(url.parameter("total_num_frames"));
  const auto duration = number(url.parameter("duration"));
  double rate = part.list_fps();
  if (fps) rate = *fps;
  if (!fps && total && duration && *duration > 0) rate = *total / *duration;
  if (!(rate > 0)) return false;
  if (!part.frame_times_s.empty()) return true;
  part.fps = rate;
  const std::string_view list = url.parameter("frames_indices");
  if (list.empty()) return true;
  const auto indices = numbers(list);
  if (!indices) return false;
  for (const double index : *indices) {
    if (index < 0 || (total && index >= *total)) return false;
    part.frame_times_s.push_back(index / rate);
  }
  return true;
}

int64_t num_taken_frames(const ContentPart& part, int64_t num_given) {
  return part.max_frames > 0 ? std::min(part.max_frames, num_given) : num_given;
}

}  // namespace

// The media of one request.
class MediaLoader::Load {
 public:
  Load(const MediaLoader& loader, const api::ChatRequest& request,
       const std::function<bool()>& wanted, const FindUpload& uploaded)
      : options_(loader.options_),
        held_bytes_(loader.held_bytes_),
        max_model_pixels_(request.max_pixels),
        salt_(request.cache_salt),
        wanted_(wanted),
        uploaded_(uploaded) {
    bytes_left_ = options_.limits.max_request_bytes;
    pixels_left_ = options_.limits.max_request_pixels;
    frames_left_ = options_.limits.max_frames;
  }

  // Begins to fetch what load_part() will ask for, called for the same parts in the same order.
  void fetch_ahead(const std::vector<text::Message>& messages) {
    if (!options_.fetcher) return;
    const MediaLimits& limits = options_.limits;
    std::vector<FetchAhead::Download> downloads;
    const auto add = [&](const std::string& source, size_t max_bytes,
                         std::chrono::milliseconds deadline) {
      if (has_remote_scheme(source)) downloads.push_back({source, max_bytes, deadline});
    };
    const auto add_picture = [&](const std::string& source) {
      add(source, limits.max_picture_bytes, limits.fetch_deadline);
    };
    for (const text::Message& message : messages) {
      for (const ContentPart& part : message.content) {
        if (part.kind == PartKind::kImage) add_picture(part.source);
        if (part.kind == PartKind::kDocument && options_.documents) {
          add(part.source, limits.max_document_bytes, limits.file_fetch_deadline);
        }
        if (part.kind != PartKind::kVideo) continue;
        if (part.frames.empty() && options_.videos) {
          add(part.source, limits.max_video_bytes, limits.file_fetch_deadline);
        }
        const auto count = std::ssize(part.frames);
        if (count == 0 || num_taken_frames(part, count) > frames_left_) continue;
        for (const int64_t i : processing::spread_frames(count, num_taken_frames(part, count))) {
          add_picture(part.frames[i]);
        }
      }
    }
    if (downloads.empty()) return;
    fetching_.emplace(*options_.fetcher, std::move(downloads), limits.request_fetch_deadline,
                      wanted_);
  }

  ApiResult<void> load_part(ContentPart& part, std::string path) {
    path_ = std::move(path);
    source_limit_ = options_.limits.max_picture_bytes;
    if (part.kind == PartKind::kImage) return load_image(part);
    if (part.kind == PartKind::kVideo) return load_video(part);
    return {};
  }

  // What stands in its place.
  ApiResult<std::vector<ContentPart>> load_document(ContentPart& part, std::string path) {
    path_ = std::move(path);
    source_limit_ = options_.limits.max_document_bytes;
    if (!options_.documents) {
      return refuse(may_read(part.source) ? MediaFault::kDocuments : MediaFault::kNotAllowed);
    }
    GLMV_ASSIGN(const auto document, open_document(part));
    if (document == nullptr) {
      std::vector<ContentPart> parts;
      parts.push_back(std::move(part));
      return parts;
    }
    const auto plan = processing::plan_document(*document, part, options_.processor,
                                                options_.document_rule, max_model_pixels_);
    if (!plan) return refuse_plan(plan.error());
    int64_t num_pixels = 0;
    for (const media::PageView& view : plan->pages) num_pixels += int64_t{view.width} * view.height;
    if (num_pixels > pixels_left_) return refuse(MediaFault::kTooLarge);
    GLMV_RETURN_IF_ERROR(check_held(num_pixels * 3));
    pixels_left_ -= num_pixels;
    auto pages = document->render(plan->pages, wanted_);
    if (!pages) return std::unexpected(document_error(pages.error(), path_));
    for (RgbPixels& page : *pages) page = hold(std::move(page), held_bytes_);
    return processing::page_parts(*plan, *pages);
  }

 private:
  std::unexpected<ApiError> refuse(MediaFault fault) const {
    return std::unexpected(media_error(fault, path_));
  }

  // Whether the cache knows the part by what it is read from; else it gets its name there.
  bool find_packed(ContentPart& part, std::span<const Digest> sources) const {
    part.media_key =
        processing::media_key(part, sources, options_.processor, max_model_pixels_, salt_);
    part.packed = options_.cache->find(*part.media_key);
    return part.packed != nullptr;
  }

  // As decode() does for so many pictures or frames of the size of a packed one.
  ApiResult<void> count_pixels(const PackedMedium& packed, int64_t num_frames) {
    const int64_t num_pixels = packed.width * packed.height;
    if (num_pixels > options_.limits.max_picture_pixels || num_pixels * num_frames > pixels_left_) {
      return refuse(MediaFault::kTooLarge);
    }
    pixels_left_ -= num_pixels * num_frames;
    return {};
  }

  ApiResult<void> load_image(ContentPart& part) {
    GLMV_ASSIGN(const std::string bytes, read_source(part.source));
    if (options_.cache) {
      const Digest file = sha256_of(bytes);
      if (find_packed(part, {&file, 1})) {
        part.source = {};
        return count_pixels(*part.packed, 1);
      }
    }
    GLMV_ASSIGN(RgbPixels pixels, decode(bytes));
    if (!processing::smart_resize(2, pixels.height, pixels.width, {})) {
      return refuse(MediaFault::kBadShape);
    }
    part.pixels = {std::move(pixels)};
    part.source = {};
    return {};
  }

  // How many frames there are is known, and how many are taken, before any is read.
  ApiResult<void> load_video(ContentPart& part) {
    media::DataUrl url;
    size_t num_given = part.frames.size();
    if (part.frames.empty()) {
      if (!media::has_prefix_ignoring_case(part.source, "data:")) return load_video_file(part);
      auto split = media::split_data_url(part.source);
      if (!split) return refuse(MediaFault::kBadDataUrl);
      url = std::move(*split);
      if (!url.is_frame_list()) return load_video_file(part);
      if (!read_frame_parameters(url, part)) return refuse(MediaFault::kFrameTimes);
      num_given = url.num_frames();
    }
    if (!part.frame_times_s.empty() && part.frame_times_s.size() != num_given) {
      return refuse(MediaFault::kFrameTimes);
    }
    const auto count = static_cast<int64_t>(num_given);
    const int64_t num_taken = num_taken_frames(part, count);
    if (num_taken > frames_left_) return refuse(MediaFault::kTooLarge);
    frames_left_ -= num_taken;
    if (part.frame_times_s.empty()) {
      for (int64_t i = 0; i < count; ++i) part.frame_times_s.push_back(double(i) / part.list_fps());
    }
    const std::vector<std::string_view> payloads =
        part.frames.empty() ? url.frames() : std::vector<std::string_view>();
    GLMV_ASSIGN(const bool found, find_frames(part, num_taken));
    if (found) return {};
    std::vector<double> times;
    for (const int64_t index : processing::spread_frames(count, num_taken)) {
      GLMV_ASSIGN(const std::string bytes, part.frames.empty() ? decode_base64(payloads[index])
                                                               : read_source(part.frames[index]));
      GLMV_ASSIGN(RgbPixels pixels, decode(bytes));
      if (!part.pixels.empty() &&
          (pixels.width != part.pixels[0].width || pixels.height != part.pixels[0].height)) {
        return refuse(MediaFault::kMixedFrames);
      }
      if (!processing::smart_resize(2, pixels.height, pixels.width, {})) {
        return refuse(MediaFault::kBadShape);
      }
      part.pixels.push_back(std::move(pixels));
      times.push_back(part.frame_times_s[index]);
    }
    part.frame_times_s = std::move(times);
    part.max_frames = 0;
    part.frames.clear();
    part.source = {};
    return {};
  }

  // Frames that the request itself brings are known by their text.
  ApiResult<bool> find_frames(ContentPart& part, int64_t num_taken) {
    const std::span<const std::string> texts =
        part.frames.empty() ? std::span(&part.source, 1) : std::span(part.frames);
    const bool own = std::ranges::all_of(texts, [](const std::string& text) {
      return media::has_prefix_ignoring_case(text, "data:");
    });
    if (!options_.cache || !own) return false;
    std::vector<Digest> sources;
    size_t num_bytes = 0;
    for (const std::string& text : texts) {
      sources.push_back(sha256_of(text));
      num_bytes += text.size() / 4 * 3;
    }
    if (!find_packed(part, sources)) return false;
    if (num_bytes > bytes_left_) return refuse(MediaFault::kTooLarge);
    bytes_left_ -= num_bytes;
    GLMV_RETURN_IF_ERROR(count_pixels(*part.packed, num_taken));
    part.frames.clear();
    part.source = {};
    return true;
  }

  ApiResult<void> load_video_file(ContentPart& part) {
    if (!options_.videos)
      return refuse(may_read(part.source) ? MediaFault::kVideoFile : MediaFault::kNotAllowed);
    source_limit_ = options_.limits.max_video_bytes;
    GLMV_ASSIGN(const VideoFile file, video_file(part.source));
    if (options_.cache && find_packed(part, {&file.digest, 1})) {
      const int64_t num_frames = part.packed->grid.t * options_.processor.video.temporal_patch_size;
      if (num_frames > frames_left_) return refuse(MediaFault::kTooLarge);
      frames_left_ -= num_frames;
      part.source = {};
      return {};
    }
    auto reader = options_.videos->open(file.fd);
    if (!reader) return refuse_video(reader.error());
    const processing::ProcessorConfig& config = options_.processor;
    const auto plan =
        processing::plan_video((*reader)->info(), part, config,
                               processing::part_max_pixels(part, max_model_pixels_, config.video));
    if (!plan) return bad_field(path_, plan.error().message);
    const auto num_frames = std::ssize(plan->indices);
    if (num_frames > frames_left_) return refuse(MediaFault::kTooLarge);
    frames_left_ -= num_frames;
    GLMV_RETURN_IF_ERROR(check_held(num_frames * plan->size.width * plan->size.height * 3));
    if (const auto read = processing::read_video(**reader, *plan, part, wanted_); !read) {
      return refuse_video(read.error());
    }
    for (RgbPixels& frame : part.pixels) frame = hold(std::move(frame), held_bytes_);
    return {};
  }

  // Null: it is text, which `part` holds then.
  ApiResult<std::shared_ptr<const media::Document>> open_document(ContentPart& part) {
    if (is_upload(part.source)) {
      GLMV_ASSIGN(const auto upload, find_upload(part.source));
      if (upload->document == nullptr) {
        return bad_field(path_, "the file is no document: give it as a picture or video");
      }
      return upload->document;
    }
    GLMV_ASSIGN(const std::string bytes, read_source(part.source));
    const auto kind = media::document_kind(bytes);
    if (!kind) return std::unexpected(document_error(kind.error(), path_));
    if (*kind == media::DocumentKind::kText) {
      if (!part.pages.empty()) return bad_field(path_ + ".pages", "text has no pages");
      if (bytes.size() > options_.document_rule.max_text_bytes) {
        return refuse(MediaFault::kTooLarge);
      }
      part = processing::text_file_part(media::short_name(part.name), bytes);
      return nullptr;
    }
    auto document = options_.documents->open(bytes);
    if (!document) return std::unexpected(document_error(document.error(), path_));
    return *std::move(document);
  }

  // Pages that are not there, or too many, are up to the request; others to the file.
  std::unexpected<ApiError> refuse_plan(const Status& status) const {
    if (status.code == Code::kInvalidArgument) {
      return bad_field(path_ + ".pages", status.message);
    }
    if (status.code != Code::kResourceExhausted) {
      return std::unexpected(document_error(status, path_));
    }
    return std::unexpected(
        ApiError{422, "too_many_pages", path_ + ": " + status.message, path_, 0});
  }

  std::unexpected<ApiError> refuse_video(const Status& status) const {
    switch (status.code) {
      case Code::kInternal:
        return std::unexpected(
            ApiError{500, "internal_error", "videos cannot be decoded now", "", 0, status.message});
      case Code::kCancelled:
        return std::unexpected(ApiError{499, "cancelled", "the client is gone", "", 0});
      case Code::kResourceExhausted:
        return refuse(MediaFault::kTooLarge);
      default:
        return refuse(MediaFault::kNoVideo);
    }
  }

  struct VideoFile {
    std::shared_ptr<const Fd> fd;
    Digest digest;
  };
  ApiResult<VideoFile> video_file(std::string_view source) {
    Result<std::shared_ptr<const Fd>> file;
    Digest digest;
    if (is_upload(source)) {
      GLMV_ASSIGN(const auto upload, find_upload(source));
      if (upload->file == nullptr) return refuse(MediaFault::kNoVideo);
      file = media::reopen(*upload->file);
      digest = upload->digest;
    } else {
      GLMV_ASSIGN(const std::string bytes, read_source(source));
      file = media::file_of_bytes(bytes);
      if (options_.cache) digest = sha256_of(bytes);
    }
    if (file) return VideoFile{*std::move(file), digest};
    return std::unexpected(
        ApiError{503, "queue_full", "no memory for the video; try again soon", "", 5});
  }

  ApiResult<void> check_held(int64_t more_bytes) const {
    if (*held_bytes_ + more_bytes <= options_.limits.max_held_bytes) return {};
    return std::unexpected(
        ApiError{503, "queue_full",
                 "the pictures of other requests fill the memory; try again soon", "", 5});
  }

  // Whether a flag opens this kind of source.
  bool may_read(std::string_view source) const {
    if (media::has_prefix_ignoring_case(source, "data:") || is_upload(source)) return true;
    if (has_remote_scheme(source)) return options_.fetcher != nullptr;
    return media::has_prefix_ignoring_case(source, "file://") && options_.folder != nullptr;
  }

  ApiResult<std::string> read_source(std::string_view source) {
    if (wanted_ && !wanted_()) {
      return std::unexpected(ApiError{499, "cancelled", "the client is gone", "", 0});
    }
    if (media::has_prefix_ignoring_case(source, "data:")) {
      const auto url = media::split_data_url(source);
      return url ? decode_base64(url->payload) : refuse(MediaFault::kBadDataUrl);
    }
    if (has_remote_scheme(source)) return take_fetched();
    if (is_upload(source)) return read_upload(source);
    if (media::has_prefix_ignoring_case(source, "file://")) return read_file(source);
    return refuse(MediaFault::kNotAllowed);
  }

  size_t max_bytes() const { return std::min(source_limit_, bytes_left_); }

  ApiResult<std::string> counted(std::string bytes) {
    if (bytes.size() > max_bytes()) return refuse(MediaFault::kTooLarge);
    bytes_left_ -= bytes.size();
    return bytes;
  }

  ApiResult<std::string> decode_base64(std::string_view payload) {
    if (payload.size() / 4 > max_bytes() / 3 + 1) return refuse(MediaFault::kTooLarge);
    auto bytes = media::decode_strict_base64(payload);
    if (!bytes) return refuse(MediaFault::kBadDataUrl);
    return counted(std::move(*bytes));
  }

  ApiResult<std::string> take_fetched() {
    if (!options_.fetcher) return refuse(MediaFault::kNotAllowed);
    auto bytes = fetching_->take();
    if (bytes) return counted(std::move(*bytes));
    switch (bytes.error()) {
      case net::FetchFault::kNotAllowed:
        return refuse(MediaFault::kNotAllowed);
      case net::FetchFault::kTooLarge:
        return refuse(MediaFault::kTooLarge);
      case net::FetchFault::kFailed:
        break;
    }
    return refuse(MediaFault::kFetchFailed);
  }

  ApiResult<std::string> read_upload(std::string_view source) {
    GLMV_ASSIGN(const auto upload, find_upload(source));
    return counted(upload->bytes);
  }

  ApiResult<std::shared_ptr<const Upload>> find_upload(std::string_view source) const {
    if (!uploaded_) return refuse(MediaFault::kNotAllowed);
    auto upload = uploaded_(source.substr(kUploadScheme.size()));
    if (upload != nullptr) return upload;
    return std::unexpected(ApiError{
        404, "file_not_found",
        path_ + ": there is no such file: it was never sent, or its time is over", path_, 0});
  }

  ApiResult<std::string> read_file(std::string_view url) {
    if (!options_.folder) return refuse(MediaFault::kNotAllowed);
    const auto path = media::file_url_path(url);
    if (!path) return refuse(MediaFault::kNotAllowed);
    auto bytes = options_.folder->read(*path, max_bytes());
    if (bytes) return counted(std::move(*bytes));
    switch (bytes.error().code) {
      case Code::kUnsupported:
        return refuse(MediaFault::kNotAllowed);
      case Code::kResourceExhausted:
        return refuse(MediaFault::kTooLarge);
      default:
        return refuse(MediaFault::kFetchFailed);
    }
  }

  ApiResult<RgbPixels> decode(std::string_view bytes) {
    const int64_t max_pixels = std::min(options_.limits.max_picture_pixels, pixels_left_);
    auto image = options_.decoder->decode(bytes, max_pixels);
    if (!image && image.error().code == Code::kInternal) {
      return std::unexpected(ApiError{500, "internal_error", "pictures cannot be decoded now", "",
                                      0, image.error().message});
    }
    if (!image) {
      const bool large = image.error().code == Code::kResourceExhausted;
      return refuse(large ? MediaFault::kTooLarge : MediaFault::kNoPicture);
    }
    GLMV_RETURN_IF_ERROR(check_held(std::ssize(image->data)));
    pixels_left_ -= int64_t{image->width} * image->height;
    return hold(processing::shared_pixels(std::move(*image)), held_bytes_);
  }

  const MediaOptions& options_;
  const std::shared_ptr<std::atomic<int64_t>>& held_bytes_;
  const int64_t max_model_pixels_;
  const std::string salt_;
  const std::function<bool()>& wanted_;
  const FindUpload& uploaded_;
  size_t source_limit_ = 0;
  std::string path_;  // of the part that is loaded
  size_t bytes_left_ = 0;
  int64_t pixels_left_ = 0;
  int64_t frames_left_ = 0;
  std::optional<FetchAhead> fetching_;
};

MediaLoader::MediaLoader(MediaOptions options) : options_(std::move(options)) {
  if (!options_.decoder) options_.decoder = std::make_shared<media::InlineDecoder>();
}

ApiResult<void> MediaLoader::load(api::ChatRequest& request, const std::function<bool()>& wanted,
                                  const FindUpload& uploaded) const {
  int64_t num_images = 0, num_videos = 0, num_documents = 0;
  for (const text::Message& message : request.messages) {
    for (const ContentPart& part : message.content) {
      if (part.kind == PartKind::kImage) ++num_images;
      if (part.kind == PartKind::kVideo) ++num_videos;
      if (part.kind == PartKind::kDocument) ++num_documents;
    }
  }
  const MediaLimits& limits = options_.limits;
  if (num_images > limits.max_images || num_videos > limits.max_videos ||
      num_documents > limits.max_documents) {
    return bad_field(
        "messages",
        fmt::format("hold {} images, {} videos and {} documents; at most {}, {} and {} are taken",
                    num_images, num_videos, num_documents, limits.max_images, limits.max_videos,
                    limits.max_documents));
  }
  if (limits.max_model_pixels > 0 &&
      (request.max_pixels == 0 || request.max_pixels > limits.max_model_pixels)) {
    request.max_pixels = limits.max_model_pixels;
  }
  Load load(*this, request, wanted, uploaded);
  load.fetch_ahead(request.messages);
  for (size_t m = 0; m < request.messages.size(); ++m) {
    text::Message& message = request.messages[m];
    std::vector<ContentPart> content;
    for (size_t c = 0; c < message.content.size(); ++c) {
      ContentPart& part = message.content[c];
      std::string path = fmt::format("messages[{}].content[{}]", m, c);
      if (part.kind == PartKind::kDocument) {
        GLMV_ASSIGN(std::vector<ContentPart> parts, load.load_document(part, std::move(path)));
        std::ranges::move(parts, std::back_inserter(content));
        continue;
      }
      GLMV_RETURN_IF_ERROR(load.load_part(part, std::move(path)));
      content.push_back(std::move(part));
    }
    message.content = std::move(content);
  }
  return {};
}

}  // namespace glmv::server
