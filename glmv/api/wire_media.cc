#include "glmv/api/wire_media.h"

#include <algorithm>
#include <cstring>

#include "glmv/media/base64.h"
#include "glmv/media/data_url.h"
#include "glmv/media/file_url.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/source.h"

namespace glmv::api {
namespace {

using text::ContentPart;
using text::Detail;
using text::PartKind;

struct Type {
  std::string_view magic;  // at `offset`; "*" is any byte
  size_t offset;
  const char* name;
};
constexpr Type kVideoTypes[] = {{"ftypqt", 4, "video/quicktime"},
                                {"ftyp", 4, "video/mp4"},
                                {"moov", 4, "video/quicktime"},
                                {"\x1A\x45\xDF\xA3", 0, "video/webm"},
                                {"AVI ", 8, "video/x-msvideo"},
                                {"FLV", 0, "video/x-flv"},
                                {"\x30\x26\xB2\x75", 0, "video/x-ms-wmv"},
                                {std::string_view("\0\0\x01\xBA", 4), 0, "video/mpeg"}};

// A hint only: servers look at the content.
const char* video_type(std::string_view bytes) {
  for (const Type& type : kVideoTypes) {
    if (bytes.size() > type.offset && bytes.substr(type.offset).starts_with(type.magic)) {
      return type.name;
    }
  }
  return "video/mp4";
}

// What every server takes as it is; all else is sent as PNG.
const char* picture_type(media::ImageFormat format) {
  switch (format) {
    case media::ImageFormat::kJpeg:
      return "image/jpeg";
    case media::ImageFormat::kPng:
      return "image/png";
    case media::ImageFormat::kWebp:
      return "image/webp";
    default:
      return nullptr;
  }
}

std::string data_url(std::string_view type, std::string_view bytes) {
  return fmt::format("data:{};base64,{}", type, media::encode_base64(bytes));
}

bool is_fetched_by_the_server(std::string_view source) {
  return media::has_prefix_ignoring_case(source, "http://") ||
         media::has_prefix_ignoring_case(source, "https://");
}

// An upload of glmv's own server, "file:ID".
bool is_upload(std::string_view source) {
  return source.starts_with("file:") && !source.starts_with("file:/");
}

Result<std::string> pixels_url(const RgbPixels& pixels) {
  media::Image image{pixels.width, pixels.height, {}};
  image.data.resize(size_t{3} * pixels.width * pixels.height);
  std::memcpy(image.data.data(), pixels.data.get(), image.data.size());
  GLMV_ASSIGN(const std::string png, media::encode_png(image));
  return data_url("image/png", png);
}

struct Picture {
  std::string url;
  int64_t width = 0, height = 0;
};

Result<Picture> picture(const std::string& source, ServerKind kind, size_t max_bytes,
                        media::PictureDecoder* decoder) {
  if (is_fetched_by_the_server(source)) return Picture{source};
  if (is_upload(source) && kind == ServerKind::kGlmv) return Picture{source};
  GLMV_ASSIGN(const media::SourceBytes file, media::load_source(source, {.max_bytes = max_bytes}));
  // Decoded here too: its size is needed, and what is no picture is told before anything is sent.
  media::InlineDecoder inlined;
  if (decoder == nullptr) decoder = &inlined;
  GLMV_ASSIGN(const media::DecodedImage decoded, decoder->decode_file(file.bytes, file.name));
  Picture out{{}, decoded.image.width, decoded.image.height};
  if (const char* type = picture_type(decoded.format); type != nullptr) {
    out.url = data_url(type, file.bytes);
    return out;
  }
  GLMV_ASSIGN(const std::string png, media::encode_png(decoded.image));
  out.url = data_url("image/png", png);
  return out;
}

const char* detail_name(Detail detail) {
  switch (detail) {
    case Detail::kLow:
      return "low";
    case Detail::kHigh:
      return "high";
    case Detail::kOriginal:
      return "original";
    case Detail::kAuto:
      break;
  }
  return nullptr;
}

std::unexpected<Status> needs_glmv(const std::string& where, const char* field) {
  return unsupported(
      "{}: \"{}\" is of glmv's own server, and this one is another: leave it out, or give frames",
      where, field);
}

// Fields of the part beside its source.
Result<void> add_options(const ContentPart& part, ServerKind kind, bool is_file,
                         const std::string& where, Json& out) {
  const bool glmv = kind == ServerKind::kGlmv;
  const auto add = [&](bool given, const char* name, Json value) -> Result<void> {
    if (!given) return {};
    if (!glmv) return needs_glmv(where, name);
    out[name] = std::move(value);
    return {};
  };
  GLMV_RETURN_IF_ERROR(add(part.max_pixels > 0, "max_pixels", part.max_pixels));
  if (part.kind != PartKind::kVideo) return {};
  GLMV_RETURN_IF_ERROR(add(part.max_frames > 0, "max_frames", part.max_frames));
  if (!is_file) return {};
  GLMV_RETURN_IF_ERROR(add(part.begin_s > 0, "start", part.begin_s));
  GLMV_RETURN_IF_ERROR(add(part.end_s > 0, "end", part.end_s));
  return add(part.fps > 0, "fps", part.fps);
}

Result<Json> wire_image(const ContentPart& part, ServerKind kind, size_t max_bytes,
                        const std::string& where, WireMedia& media) {
  Picture image;
  if (part.pixels.empty()) {
    auto loaded = picture(part.source, kind, max_bytes, media.decoder);
    if (!loaded) return in_context(where, loaded.error());
    image = std::move(*loaded);
  } else {
    GLMV_ASSIGN(image.url, pixels_url(part.pixels[0]));
    image.width = part.pixels[0].width;
    image.height = part.pixels[0].height;
  }
  media.image_sizes.push_back({image.width, image.height});
  Json value = {{"url", std::move(image.url)}};
  if (const char* detail = detail_name(part.detail); detail != nullptr) value["detail"] = detail;
  Json out = {{"type", "image_url"}, {"image_url", std::move(value)}};
  GLMV_RETURN_IF_ERROR(add_options(part, kind, false, where, out));
  return out;
}

// Frames that are pictures: a list for glmv, else the URL of frames that vLLM has.
Result<Json> wire_frames(const ContentPart& part, ServerKind kind, size_t max_bytes,
                         const std::string& where, WireMedia& media) {
  const size_t count = part.pixels.empty() ? part.frames.size() : part.pixels.size();
  std::vector<std::string> urls;
  size_t num_bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    Picture frame;
    if (part.pixels.empty()) {
      auto loaded = picture(part.frames[i], kind, max_bytes, media.decoder);
      if (!loaded) return in_context(fmt::format("{}.frames[{}]", where, i), loaded.error());
      frame = std::move(*loaded);
    } else {
      GLMV_ASSIGN(frame.url, pixels_url(part.pixels[i]));
      frame.width = part.pixels[i].width;
      frame.height = part.pixels[i].height;
    }
    media.video_width = frame.width;
    media.video_height = frame.height;
    num_bytes += frame.url.size() / 4 * 3;
    if (num_bytes > max_bytes) {
      return resource_exhausted("{}: the frames have more than {} bytes", where, max_bytes);
    }
    urls.push_back(std::move(frame.url));
  }
  if (kind == ServerKind::kGlmv) {
    Json out = {{"type", "video"}, {"frames", std::move(urls)}};
    if (part.fps > 0) out["fps"] = part.fps;
    if (!part.frame_times_s.empty()) out["frame_times_s"] = part.frame_times_s;
    GLMV_RETURN_IF_ERROR(add_options(part, kind, false, where, out));
    return out;
  }
  Json unused;
  GLMV_RETURN_IF_ERROR(add_options(part, kind, false, where, unused));
  if (!part.frame_times_s.empty()) return needs_glmv(where, "frame_times_s");
  std::string url = fmt::format("data:video/jpeg;fps={};base64,", part.list_fps());
  for (size_t i = 0; i < urls.size(); ++i) {
    const auto split = media::split_data_url(urls[i]);
    if (!split) return needs_glmv(where, "frames by URL");
    url.append(i == 0 ? "" : ",").append(split->payload);
  }
  return Json{{"type", "video_url"}, {"video_url", {{"url", std::move(url)}}}};
}

Result<Json> wire_video_file(const ContentPart& part, ServerKind kind, size_t max_bytes,
                             const std::string& where) {
  std::string url = part.source;
  const bool as_it_is = is_fetched_by_the_server(url) ||
                        media::has_prefix_ignoring_case(url, "data:") ||
                        (is_upload(url) && kind == ServerKind::kGlmv);
  if (!as_it_is) {
    auto file = media::load_source(part.source, {.max_bytes = max_bytes});
    if (!file) return in_context(where, file.error());
    url = data_url(video_type(file->bytes), file->bytes);
  }
  Json out = {{"type", "video_url"}, {"video_url", {{"url", std::move(url)}}}};
  GLMV_RETURN_IF_ERROR(add_options(part, kind, true, where, out));
  return out;
}

// As OpenAI's file part; which servers besides glmv's turn it into pages cannot be known.
Result<Json> wire_document(const ContentPart& part, ServerKind kind, size_t max_bytes,
                           const std::string& where) {
  if (kind != ServerKind::kGlmv) {
    return unsupported(
        "{}: glmv's own server makes pages of documents, and this one is another: "
        "give the pages as pictures",
        where);
  }
  Json file = Json::object();
  if (!part.name.empty()) file["filename"] = part.name;
  if (is_upload(part.source)) {
    file["file_id"] = part.source.substr(part.source.find(':') + 1);
  } else if (is_fetched_by_the_server(part.source)) {
    file["file_url"] = part.source;
  } else if (media::has_prefix_ignoring_case(part.source, "data:")) {
    file["file_data"] = part.source;
  } else {
    auto read = media::load_source(part.source, {.max_bytes = max_bytes});
    if (!read) return in_context(where, read.error());
    file["file_data"] = data_url("application/octet-stream", read->bytes);
  }
  Json out = {{"type", "file"}, {"file", std::move(file)}};
  if (!part.pages.empty()) out["pages"] = part.pages;
  if (part.dpi > 0) out["dpi"] = part.dpi;
  if (part.max_pixels > 0) out["max_pixels"] = part.max_pixels;
  return out;
}

}  // namespace

Result<Json> wire_media(const ContentPart& part, ServerKind kind, size_t max_bytes,
                        const std::string& where, WireMedia& media) {
  if (part.kind == PartKind::kImage) return wire_image(part, kind, max_bytes, where, media);
  if (part.kind == PartKind::kDocument) return wire_document(part, kind, max_bytes, where);
  if (part.frames.empty() && part.pixels.empty()) {
    return wire_video_file(part, kind, max_bytes, where);
  }
  return wire_frames(part, kind, max_bytes, where, media);
}

}  // namespace glmv::api
