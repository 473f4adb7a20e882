#include "glmv/server/upload_look.h"

#include <algorithm>

#include "glmv/media/document_kind.h"
#include "glmv/media/format.h"
#include "glmv/media/pixels.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/resize.h"
#include "glmv/media/video_source.h"
#include "glmv/processing/grid.h"
#include "glmv/processing/video_plan.h"
#include "glmv/server/media_errors.h"

namespace glmv::server {
namespace {

ApiError too_large(std::string_view what) {
  return {413, "file_too_large", fmt::format("this {} is larger than the server takes", what),
          "file", 0};
}
std::unexpected<ApiError> broken(std::string_view what) {
  return std::unexpected(
      ApiError{422, "media_decode_failed",
               fmt::format("this {} cannot be decoded: it is damaged or empty", what), "file", 0});
}
std::unexpected<ApiError> refuse(const Status& status, std::string_view what) {
  if (status.code == Code::kResourceExhausted) return std::unexpected(too_large(what));
  if (status.code == Code::kInternal) {
    return std::unexpected(ApiError{500, "internal_error", "media cannot be decoded now", "", 0});
  }
  return broken(what);
}

struct Size {
  int width, height;
};
Size thumb_size(int width, int height) {
  const double scale = std::min(1.0, double{kThumbSide} / std::max(width, height));
  return {std::max(1, static_cast<int>(width * scale)),
          std::max(1, static_cast<int>(height * scale))};
}

ApiResult<std::string> png_of(const media::Image& image) {
  auto png = media::encode_png(image);
  if (png) return *std::move(png);
  return std::unexpected(ApiError{500, "internal_error", "no preview could be made", "", 0});
}

int64_t tokens_of(const processing::FrameSize& size, int64_t slices,
                  const processing::MediaConfig& config) {
  const int64_t side = config.patch_size * config.merge_size;
  return slices * (size.height / side) * (size.width / side);
}

ApiResult<void> look_at_picture(Upload& upload, media::ImageFormat format,
                                const MediaOptions& options) {
  const MediaLimits& limits = options.limits;
  if (upload.bytes.size() > limits.max_picture_bytes) return std::unexpected(too_large("picture"));
  auto image = options.decoder->decode(upload.bytes, limits.max_picture_pixels);
  if (!image) return refuse(image.error(), "picture");
  const processing::MediaConfig& config = options.processor.image;
  const auto size = processing::smart_resize(config.temporal_patch_size, image->height,
                                             image->width, config.limits());
  if (!size) return broken("picture");
  upload.kind = "image";
  upload.mime = "image/" + std::string(media::format_name(format));
  std::ranges::transform(upload.mime, upload.mime.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  upload.width = image->width;
  upload.height = image->height;
  upload.num_tokens = tokens_of(*size, 1, config) + 2;
  const Size thumb = thumb_size(image->width, image->height);
  GLMV_ASSIGN(upload.thumb, png_of(media::resize_bicubic(*image, thumb.width, thumb.height)));
  return {};
}

ApiResult<void> look_at_video(Upload& upload, const MediaOptions& options) {
  if (upload.bytes.size() > options.limits.max_video_bytes) {
    return std::unexpected(too_large("video"));
  }
  auto file = media::file_of_bytes(upload.bytes);
  if (!file) {
    return std::unexpected(ApiError{503, "storage_full", "no memory; try again soon", "", 5});
  }
  upload.file = *std::move(file);
  GLMV_ASSIGN(const auto reader, open_upload(upload, options));
  const media::VideoFileInfo& info = reader->info();
  const auto plan = processing::plan_video(info, {}, options.processor, 0);
  if (!plan) return broken("video");
  upload.width = info.width;
  upload.height = info.height;
  upload.video = info;
  const int64_t slices = (std::ssize(plan->indices) + 1) / 2;
  constexpr int64_t kTokensOfTime = 8;  // and the marks of a slice
  upload.num_tokens =
      tokens_of(plan->size, slices, options.processor.video) + slices * kTokensOfTime;
  const int64_t early[] = {info.num_frames / 10};
  GLMV_ASSIGN(std::vector<std::string> pngs, frame_pngs(*reader, early));
  if (pngs.empty()) return broken("video");
  upload.thumb = std::move(pngs[0]);
  upload.bytes = {};  // they are in the file
  return {};
}

// The pages that a request without a choice gets, or the first of more than that.
ApiResult<processing::DocumentPlan> whole_plan(const media::Document& document,
                                               const MediaOptions& options) {
  text::ContentPart part{.kind = text::PartKind::kDocument};
  const int64_t most = options.document_rule.max_pages;
  if (document.num_pages() > most && !media::is_slides(document.kind())) {
    part.pages = fmt::format("1-{}", most);
  }
  auto plan = processing::plan_document(document, part, options.processor, options.document_rule,
                                        options.limits.max_model_pixels);
  if (plan) return *std::move(plan);
  // As many as a request without a choice would have are too many: then it has to choose.
  part.pages = "1";
  plan = processing::plan_document(document, part, options.processor, options.document_rule,
                                   options.limits.max_model_pixels);
  if (plan) return *std::move(plan);
  return std::unexpected(document_error(plan.error(), "file"));
}

ApiResult<std::string> picture_of(const media::Document& document, const media::PageView& view) {
  const auto pages = document.render({&view, 1});
  if (!pages) return std::unexpected(document_error(pages.error(), ""));
  return png_of(media::image_of(pages->front()));
}

ApiResult<void> look_at_document(Upload& upload, const MediaOptions& options) {
  if (upload.bytes.size() > options.limits.max_document_bytes) {
    return std::unexpected(too_large("document"));
  }
  auto opened = options.documents->open(upload.bytes);
  if (!opened) return std::unexpected(document_error(opened.error(), "file"));
  const media::Document& document = **opened;
  GLMV_ASSIGN(const processing::DocumentPlan plan, whole_plan(document, options));
  upload.kind = "doc";
  upload.mime = media::media_type(document.kind());
  upload.width = plan.pages[0].width;
  upload.height = plan.pages[0].height;
  upload.num_tokens = plan.num_tokens;
  const Size thumb = thumb_size(upload.width, upload.height);
  GLMV_ASSIGN(upload.thumb, picture_of(document, {plan.pages[0].page, thumb.width, thumb.height}));
  upload.document = *std::move(opened);
  return {};
}

// Whether what cannot be read as a document can be nothing else.
bool is_office_file(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with("\xd0\xcf\x11\xe0");
}

}  // namespace

ApiResult<std::string> page_png(const Upload& upload, int page, int max_width,
                                const MediaOptions& options) {
  if (upload.document == nullptr || page < 1 || page > upload.document->num_pages()) {
    return std::unexpected(ApiError{404, "file_not_found", "the file has no such page", "", 0});
  }
  const media::Document& document = *upload.document;
  GLMV_ASSIGN(processing::DocumentPlan plan, whole_plan(document, options));
  auto view = std::ranges::find(plan.pages, page, &media::PageView::page);
  if (view == plan.pages.end()) {
    const text::ContentPart part{.kind = text::PartKind::kDocument,
                                 .pages = std::to_string(page),
                                 .max_tokens = plan.num_tokens / std::ssize(plan.pages)};
    auto alone = processing::plan_document(document, part, options.processor, options.document_rule,
                                           options.limits.max_model_pixels);
    if (!alone) return std::unexpected(document_error(alone.error(), ""));
    plan = *std::move(alone);
    view = plan.pages.begin();
  }
  if (max_width > 0 && max_width < view->width) {
    view->height = std::max(1, static_cast<int>(int64_t{view->height} * max_width / view->width));
    view->width = max_width;
  }
  return picture_of(document, *view);
}

ApiResult<std::unique_ptr<media::VideoReader>> open_upload(const Upload& upload,
                                                           const MediaOptions& options) {
  if (upload.kind != "video" || !options.videos) {
    return std::unexpected(
        ApiError{404, "file_not_found", "the file is no video: it has no frames", "", 0});
  }
  auto file = media::reopen(*upload.file);
  if (!file) {
    return std::unexpected(ApiError{503, "storage_full", "no memory; try again soon", "", 5});
  }
  auto reader = options.videos->open(*std::move(file));
  if (!reader) return refuse(reader.error(), "video");
  return *std::move(reader);
}

ApiResult<std::vector<std::string>> frame_pngs(media::VideoReader& reader,
                                               std::span<const int64_t> indices) {
  const Size size = thumb_size(reader.info().width, reader.info().height);
  std::vector<std::string> pngs;
  ApiResult<void> drawn;
  const auto read =
      reader.read(indices, size.width, size.height, [&](int64_t, const media::Image& frame) {
        auto png = png_of(frame);
        if (!png) drawn = std::unexpected(png.error());
        if (png) pngs.push_back(*std::move(png));
        return drawn.has_value();
      });
  GLMV_RETURN_IF_ERROR(drawn);
  if (!read) return refuse(read.error(), "video");
  return pngs;
}

ApiResult<Upload> look_at_upload(std::string name, std::string bytes, const MediaOptions& options) {
  Upload upload{.name = std::move(name), .bytes = std::move(bytes)};
  upload.num_bytes = std::ssize(upload.bytes);
  upload.digest = sha256_of(upload.bytes);
  if (const auto format = media::sniff_format(upload.bytes)) {
    GLMV_RETURN_IF_ERROR(look_at_picture(upload, *format, options));
    return upload;
  }
  const auto kind = media::document_kind(upload.bytes);
  if (kind && *kind != media::DocumentKind::kText && options.documents) {
    GLMV_RETURN_IF_ERROR(look_at_document(upload, options));
    return upload;
  }
  std::string why = fmt::format(
      "neither a picture nor a video or document that can be read; it "
      "looks like {}",
      media::describe_content(upload.bytes));
  if (!kind && options.documents && is_office_file(upload.bytes)) {
    if (kind.error().code != Code::kUnsupported || kind.error().message.starts_with("it is")) {
      return std::unexpected(document_error(kind.error(), "file"));
    }
    why = kind.error().message;
  } else if (options.videos && !kind) {
    upload.kind = "video";
    upload.mime = "video/mp4";
    const auto looked = look_at_video(upload, options);
    if (looked) return upload;
    if (looked.error().status != 422) return std::unexpected(looked.error());
  }
  return std::unexpected(
      ApiError{415, "file_type_unsupported", fmt::format("{}: {}", upload.name, why), "file", 0});
}

}  // namespace glmv::server
