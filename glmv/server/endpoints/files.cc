// POST /api/files and what there is of a file that was sent: see docs/web-contract.md.

#include <charconv>
#include <cmath>

#include "glmv/net/http_fields.h"
#include "glmv/processing/video_plan.h"
#include "glmv/server/multipart.h"
#include "glmv/server/routes.h"
#include "glmv/server/upload_look.h"

namespace glmv::server {
namespace {

// The part of /api/files/ID/... behind the ID's slash is `rest`.
struct Path {
  std::string_view id, rest;
};
Path path_of(const Call& call) {
  constexpr std::string_view kPrefix = "/api/files/";
  const std::string_view behind = std::string_view(call.request.path).substr(kPrefix.size());
  const size_t slash = std::min(behind.find('/'), behind.size());
  return {behind.substr(0, slash), behind.substr(std::min(slash + 1, behind.size()))};
}

ApiError not_found(std::string_view what) {
  return {404, "file_not_found",
          fmt::format("there is no such {}: it was never sent with this key, or its time is over",
                      what),
          "", 0};
}

ApiResult<std::shared_ptr<const Upload>> find(const Call& call) {
  auto upload = call.server.uploads().find(call.record.key, path_of(call).id);
  if (upload == nullptr) return std::unexpected(not_found("file"));
  return upload;
}

Json upload_json(const Call& call, const Upload& upload) {
  Json json = {{"id", upload.id},
               {"kind", upload.kind},
               {"name", upload.name},
               {"bytes", upload.bytes.size()},
               {"sha256", upload.digest.hex()},
               {"mime", upload.mime},
               {"w", upload.width},
               {"h", upload.height},
               {"est_tokens", upload.num_tokens},
               {"expires_s", call.server.uploads().keep().count()}};
  if (upload.kind == "video") {
    json["duration"] = upload.duration_s;
    json["fps"] = upload.fps;
  }
  return json;
}

void send_picture(const Call& call, const std::string& png) {
  call.reply.send(200,
                  {{"Content-Type", "image/png"},
                   {"Cache-Control", "private, max-age=3600"},
                   {"Content-Security-Policy", "default-src 'none'; sandbox"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"x-request-id", call.request_id}},
                  png);
}

// The name of a file that is saved, of any letters (RFC 8187).
std::string as_attachment(std::string_view name) {
  std::string header = "attachment; filename*=UTF-8''";
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '-' || c == '_';
    header += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return header;
}

// Of the query; absent: unchanged.
ApiResult<void> read_number(const Call& call, const char* name, double least, double& value) {
  const auto text = call.request.parameter(name);
  if (text && (!*text || (*text)->empty())) return {};
  double number = -1;
  if (text) {
    const std::string& digits = **text;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) number = -1;
  }
  if (!std::isfinite(number) || number < least || number > 1e9) {
    return bad_field(name, fmt::format("must be a number from {} on", least));
  }
  value = number;
  return {};
}

// The frames that a request with these options samples.
ApiResult<processing::VideoPlan> plan_of(const Call& call, const media::VideoFileInfo& info) {
  text::ContentPart part{.kind = text::PartKind::kVideo};
  double max_frames = 0;
  GLMV_RETURN_IF_ERROR(read_number(call, "fps", 1e-3, part.fps));
  GLMV_RETURN_IF_ERROR(read_number(call, "max_frames", 1, max_frames));
  GLMV_RETURN_IF_ERROR(read_number(call, "start", 0, part.begin_s));
  GLMV_RETURN_IF_ERROR(read_number(call, "end", 0, part.end_s));
  part.max_frames = static_cast<int64_t>(max_frames);
  auto plan = processing::plan_video(info, part, call.server.media().processor,
                                     call.server.media().limits.max_model_pixels);
  if (!plan) return bad_field("start", plan.error().message);
  return *std::move(plan);
}

struct OpenVideo {
  std::unique_ptr<media::VideoReader> reader;
  processing::VideoPlan plan;
};
ApiResult<OpenVideo> open_video(const Call& call) {
  GLMV_ASSIGN(const auto upload, find(call));
  OpenVideo video;
  GLMV_ASSIGN(video.reader, open_upload(*upload, call.server.media()));
  GLMV_ASSIGN(video.plan, plan_of(call, video.reader->info()));
  return video;
}

ApiResult<std::shared_ptr<const Upload>> take_upload(const Call& call) {
  Uploads& uploads = call.server.uploads();
  if (const auto known = Digest::from_hex(call.request.header("x-file-sha256"))) {
    if (auto upload = uploads.find_digest(call.record.key, *known)) return upload;
  }
  GLMV_ASSIGN(const MultipartFile file,
              multipart_file(call.request.header("content-type"), call.request.body, "file"));
  GLMV_ASSIGN(Upload upload,
              look_at_upload(file.name, std::string(file.contents), call.server.media()));
  upload.owner = call.record.key;
  auto added = uploads.add(std::move(upload));
  if (added == nullptr) {
    return std::unexpected(ApiError{503, "storage_full", "no room for the file", "file", 0});
  }
  return added;
}

}  // namespace

void send_file(const Call& call) {
  const auto upload = take_upload(call);
  if (!upload) return fail(call, upload.error());
  send_json(call.reply, 201, upload_json(call, **upload), call.request_id);
}

void show_file(const Call& call) {
  const auto upload = find(call);
  if (!upload) return fail(call, upload.error());
  send_json(call.reply, 200, upload_json(call, **upload), call.request_id);
}

void delete_file(const Call& call) {
  call.server.uploads().remove(call.record.key, path_of(call).id);
  call.reply.send(204, {{"x-request-id", call.request_id}}, {});
}

void show_file_content(const Call& call) {
  const auto upload = find(call);
  if (!upload) return fail(call, upload.error());
  const std::string& bytes = (*upload)->bytes;
  const std::string etag = '"' + (*upload)->digest.hex() + '"';
  net::HttpHeaders headers = {{"Content-Disposition", as_attachment((*upload)->name)},
                              {"Content-Security-Policy", "default-src 'none'; sandbox"},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Cache-Control", "private, max-age=3600"},
                              {"Accept-Ranges", "bytes"},
                              {"ETag", etag},
                              {"x-request-id", call.request_id}};
  if (net::matches_etag(call.request.header("if-none-match"), etag)) {
    return call.reply.send(304, headers, {});
  }
  headers.emplace_back("Content-Type", (*upload)->mime);
  // A part of another file than the one that is here would be worth nothing.
  const std::string_view condition = call.request.header("if-range");
  const bool wants_part = condition.empty() || condition == etag;
  using Kind = net::ByteRange::Kind;
  const net::ByteRange range =
      net::byte_range(wants_part ? call.request.header("range") : "", std::ssize(bytes));
  if (range.kind == Kind::kAll) return call.reply.send(200, headers, bytes);
  if (range.kind == Kind::kNone) {
    return fail(
        call,
        {416, "range_not_satisfiable",
         fmt::format("the file has {} bytes; the range begins behind them", bytes.size()), "", 0},
        {{"Content-Range", fmt::format("bytes */{}", bytes.size())}});
  }
  headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range.begin,
                                                    range.begin + range.size - 1, bytes.size()));
  call.reply.send(206, headers,
                  bytes.substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.size)));
}

void show_file_thumb(const Call& call) {
  const auto upload = find(call);
  if (!upload) return fail(call, upload.error());
  send_picture(call, (*upload)->thumb);
}

void list_file_frames(const Call& call) {
  const auto video = open_video(call);
  if (!video) return fail(call, video.error());
  const processing::VideoPlan& plan = video->plan;
  Json frames = Json::array();
  for (size_t i = 0; i < plan.times_s.size(); ++i) {
    frames.push_back({{"n", i}, {"time", plan.times_s[i]}});
  }
  send_json(call.reply, 200,
            {{"duration", video->reader->info().duration_s}, {"frames", std::move(frames)}},
            call.request_id);
}

void show_file_frame(const Call& call) {
  const auto video = open_video(call);
  if (!video) return fail(call, video.error());
  const processing::VideoPlan& plan = video->plan;
  const std::string_view rest = path_of(call).rest;  // "frames/N"
  const std::string_view digits = rest.substr(rest.find('/') + 1);
  size_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size() || n >= plan.indices.size()) {
    return fail(call, not_found("frame"));
  }
  const auto png = frame_png(*video->reader, plan.indices[n]);
  if (!png) return fail(call, png.error());
  send_picture(call, *png);
}

}  // namespace glmv::server
