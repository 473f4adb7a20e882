// POST /api/files and what there is of a file that was sent: see docs/web-contract.md.

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "glmv/base/check.h"
#include "glmv/net/http_fields.h"
#include "glmv/processing/video_plan.h"
#include "glmv/server/multipart.h"
#include "glmv/server/routes.h"
#include "glmv/server/upload_look.h"

namespace glmv::server {
namespace {

// N of "frames/N" and "pages/N".
std::optional<size_t> number_of(const Call& call) {
  const std::string& digits = call.names[1];
  size_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size()) return {};
  return n;
}

ApiError not_found(std::string_view what) {
  return {404, "file_not_found",
          fmt::format("there is no such {}: it was never sent with this key, or its time is over",
                      what),
          "", 0};
}

ApiResult<std::shared_ptr<const Upload>> find(const Call& call) {
  auto upload = call.server.uploads().find(call.record.key, call.names[0]);
  if (upload == nullptr) return std::unexpected(not_found("file"));
  return upload;
}

Json upload_json(const Call& call, const Upload& upload) {
  Json json = {{"id", upload.id},
               {"kind", upload.kind},
               {"name", upload.name},
               {"bytes", upload.num_bytes},
               {"sha256", upload.digest.hex()},
               {"mime", upload.mime},
               {"w", upload.width},
               {"h", upload.height},
               {"est_tokens", upload.num_tokens},
               {"expires_s", call.server.uploads().keep().count()}};
  if (upload.document != nullptr) json["pages"] = upload.document->num_pages();
  if (upload.kind == "video") {
    json["duration"] = upload.video.duration_s;
    json["fps"] = upload.video.fps;
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

// The options of the query, read as those of a message are.
ApiResult<text::ContentPart> video_part(const Call& call) {
  constexpr std::string_view kPath = "messages[0].content[0].";
  Json part = {{"type", "video_url"}, {"video_url", {{"url", "file:"}}}};
  for (const char* name : {"fps", "max_frames", "start", "end"}) {
    double number = std::numeric_limits<double>::quiet_NaN();
    GLMV_RETURN_IF_ERROR(read_number(call, name, -1e9, number));
    if (std::isnan(number)) continue;
    const auto whole = static_cast<int64_t>(number);
    part[name] = static_cast<double>(whole) == number ? Json(whole) : Json(number);
  }
  const auto read = text::parse_messages(
      Json::array({{{"role", "user"}, {"content", Json::array({std::move(part)})}}}));
  if (read) return read->at(0).content.at(0);
  std::string_view message = read.error().message;
  if (message.starts_with(kPath)) message.remove_prefix(kPath.size());
  const std::string_view name = message.substr(0, message.find(": "));
  message.remove_prefix(std::min(name.size() + 2, message.size()));
  return bad_field(std::string(name), std::string(message));
}

// Its video, and the frames that a request with these options samples.
struct AskedVideo {
  std::shared_ptr<const Upload> upload;
  processing::VideoPlan plan;
};
ApiResult<AskedVideo> asked_video(const Call& call) {
  AskedVideo video;
  GLMV_ASSIGN(video.upload, find(call));
  if (video.upload->kind != "video") return std::unexpected(not_found("video"));
  GLMV_ASSIGN(const text::ContentPart part, video_part(call));
  auto plan = processing::plan_video(video.upload->video, part, call.server.media().processor,
                                     call.server.media().limits.max_model_pixels);
  if (!plan) return bad_field("start", plan.error().message);
  video.plan = *std::move(plan);
  return video;
}

// A frame of the plan, and for those who will ask for its neighbours, some that follow.
ApiResult<std::string> frame_of(const Call& call, const AskedVideo& video, size_t n) {
  constexpr size_t kAtOnce = 8;
  FramePictures& known = call.server.frame_pictures();
  const std::vector<int64_t>& indices = video.plan.indices;
  if (auto png = known.find(video.upload->id, indices[n])) return *std::move(png);
  const std::span row = std::span(indices).subspan(n, std::min(kAtOnce, indices.size() - n));
  GLMV_ASSIGN(const auto reader, open_upload(*video.upload, call.server.media()));
  GLMV_ASSIGN(const std::vector<std::string> pngs, frame_pngs(*reader, row));
  if (pngs.empty()) return std::unexpected(not_found("frame"));
  for (size_t i = 0; i < pngs.size(); ++i) known.add(video.upload->id, row[i], pngs[i]);
  return pngs[0];
}

// Bytes of an upload, wherever they are.
std::string bytes_of(const Upload& upload, int64_t begin, int64_t size) {
  if (upload.file == nullptr) {
    return upload.bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(size));
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  for (size_t got = 0; got < bytes.size();) {
    const ssize_t n = ::pread(upload.file->get(), bytes.data() + got, bytes.size() - got,
                              begin + static_cast<int64_t>(got));
    if (n < 0 && errno == EINTR) continue;
    GLMV_CHECK(n > 0, "a file in memory has become shorter");
    got += static_cast<size_t>(n);
  }
  return bytes;
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
    return std::unexpected(ApiError{503, "storage_full", "no room for the file", "file", 60});
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
  call.server.uploads().remove(call.record.key, call.names[0]);
  call.reply.send(204, {{"x-request-id", call.request_id}}, {});
}

void show_file_content(const Call& call) {
  const auto upload = find(call);
  if (!upload) return fail(call, upload.error());
  const int64_t num_bytes = (*upload)->num_bytes;
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
      net::byte_range(wants_part ? call.request.header("range") : "", num_bytes);
  if (range.kind == Kind::kAll) {
    return call.reply.send(200, headers, bytes_of(**upload, 0, num_bytes));
  }
  if (range.kind == Kind::kNone) {
    return fail(
        call,
        {416, "range_not_satisfiable",
         fmt::format("the file has {} bytes; the range begins behind them", num_bytes), "", 0},
        {{"Content-Range", fmt::format("bytes */{}", num_bytes)}});
  }
  headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", range.begin,
                                                    range.begin + range.size - 1, num_bytes));
  call.reply.send(206, headers, bytes_of(**upload, range.begin, range.size));
}

void show_file_thumb(const Call& call) {
  const auto upload = find(call);
  if (!upload) return fail(call, upload.error());
  send_picture(call, (*upload)->thumb);
}

void list_file_frames(const Call& call) {
  const auto video = asked_video(call);
  if (!video) return fail(call, video.error());
  const processing::VideoPlan& plan = video->plan;
  Json frames = Json::array();
  for (size_t i = 0; i < plan.times_s.size(); ++i) {
    frames.push_back({{"n", i}, {"time", plan.times_s[i]}});
  }
  send_json(call.reply, 200,
            {{"duration", video->upload->video.duration_s}, {"frames", std::move(frames)}},
            call.request_id);
}

void show_file_frame(const Call& call) {
  const auto video = asked_video(call);
  if (!video) return fail(call, video.error());
  const processing::VideoPlan& plan = video->plan;
  const auto n = number_of(call);
  if (!n || *n >= plan.indices.size()) return fail(call, not_found("frame"));
  const auto png = frame_of(call, *video, *n);
  if (!png) return fail(call, png.error());
  send_picture(call, *png);
}

void show_file_page(const Call& call) {
  const auto upload = find(call);
  if (!upload) return fail(call, upload.error());
  double width = 0;
  if (const auto read = read_number(call, "w", 1, width); !read) return fail(call, read.error());
  const auto n = number_of(call);
  if (!n || *n > INT32_MAX) return fail(call, not_found("page"));
  const auto png = page_png(**upload, static_cast<int>(*n), static_cast<int>(std::min(width, 1e5)),
                            call.server.media());
  if (!png) return fail(call, png.error());
  send_picture(call, *png);
}

}  // namespace glmv::server
