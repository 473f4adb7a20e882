// GET / and the other files of the web page; GET /api/info, what the page asks first.

#include <algorithm>

#include "glmv/net/http_fields.h"
#include "glmv/server/page_files.h"
#include "glmv/server/routes.h"

namespace glmv::server {

void page_file(const Call& call) {
  const PageFiles* const page = call.server.options().page.get();
  const PageFile* const file = page == nullptr ? nullptr : page->find(call.request.path);
  if (file == nullptr) {
    return fail(
        call,
        {404, "route_not_found",
         page == nullptr
             ? "this program was built without the web page: install Node 20.19 or later and run "
               "./x setup, or start it with --web-dir (web/README.md); the API is at "
               "/v1/chat/completions"
             : fmt::format("the web page has no file {}", call.request.path),
         "", 0});
  }
  const bool gzip =
      !file->gzipped.empty() && net::accepts_gzip(call.request.header("accept-encoding"));
  const std::string& etag = gzip ? file->gzip_etag : file->etag;
  net::HttpHeaders headers = file->headers;
  headers.emplace_back("ETag", etag);
  headers.emplace_back("x-request-id", call.request_id);
  if (net::matches_etag(call.request.header("if-none-match"), etag)) {
    return call.reply.send(304, headers, {});
  }
  if (gzip) headers.emplace_back("Content-Encoding", "gzip");
  call.reply.send(200, headers, gzip ? file->gzipped : file->bytes);
}

void show_info(const Call& call) {
  const Server& server = call.server;
  const MediaOptions& media = server.media();
  Json defaults = server.model().generation_defaults;
  for (const char* name : {"min_p", "presence_penalty", "frequency_penalty"}) {
    if (!defaults.contains(name)) defaults[name] = 0;
  }
  send_json(
      call.reply, 200,
      {{"name", "glmv"},
       {"version", GLMV_VERSION},
       {"model", server.options().model},
       {"family", server.model().family},
       {"instance", server.instance()},
       {"context", server.model().max_context_tokens},
       {"store", server.options().store != nullptr},
       {"capabilities",
        {{"image", true},
         {"video", media.videos != nullptr},
         {"doc", media.documents != nullptr},
         {"mix", true},
         {"think_switch", server.has_thinking_switch()}}},
       {"limits",
        {{"images", media.limits.max_images},
         {"videos", media.limits.max_videos},
         {"docs", media.documents ? media.limits.max_documents : 0},
         {"file_bytes", std::max({media.limits.max_picture_bytes, media.limits.max_video_bytes,
                                  media.limits.max_document_bytes})},
         {"image_bytes", media.limits.max_picture_bytes},
         {"video_bytes", media.limits.max_video_bytes},
         {"doc_bytes", media.limits.max_document_bytes},
         {"doc_pages", media.document_rule.max_pages}}},
       {"defaults", std::move(defaults)}},
      call.request_id);
}

}  // namespace glmv::server
