#include "apps/glmv/chat_setup.h"

#include <fmt/format.h>

#include <filesystem>

#include "apps/glmv/command.h"
#include "apps/glmv/load_backend.h"
#include "glmv/base/texts.h"
#include "glmv/chat/local_backend.h"
#include "glmv/media/child_video_opener.h"
#include "glmv/media/document.h"
#include "glmv/media/source.h"
#include "glmv/media/video_source.h"
#include "glmv/text/page_list.h"

namespace glmv::app {
namespace {

constexpr size_t kMaxDocumentBytes = size_t{128} << 20;

Result<std::string> describe_video(const text::ContentPart& part, const Wanted& wanted) {
  GLMV_ASSIGN(const media::VideoSource source, media::open_video_source(part.source));
  media::ChildVideoOpener opener;
  GLMV_ASSIGN(const auto reader, opener.open(source.file, wanted));
  const media::VideoFileInfo& info = reader->info();
  if (part.begin_s >= info.duration_s && part.begin_s > 0) {
    return invalid_argument(
        "{}", tr_format("the clip begins at {:.1f} s, behind the end at {:.1f} s", part.begin_s,
                        info.duration_s));
  }
  return tr_format("{:.1f} s, {} x {}, {:.4g} fps", info.duration_s, info.width, info.height,
                   info.fps);
}

// What it is by its content; the pages of a PDF are counted, slides are only converted when they
// are sent.
Result<terminal::DocumentLook> look_at_document(const std::string& source, const std::string& pages,
                                                const DocumentFlags& flags, const Wanted& wanted) {
  if (!pages.empty()) GLMV_RETURN_IF_ERROR(text::parse_page_list(pages));
  GLMV_ASSIGN(const media::SourceBytes loaded,
              media::load_source(source, {.max_bytes = kMaxDocumentBytes, .what = "document"}));
  const std::string& bytes = loaded.bytes;
  GLMV_ASSIGN(const media::DocumentKind kind, media::document_kind(bytes));
  terminal::DocumentLook look{.part = {.kind = text::PartKind::kDocument,
                                       .source = source,
                                       .pages = pages,
                                       .dpi = flags.dpi,
                                       .max_tokens = flags.max_tokens},
                              .about = std::string(media::kind_name(kind))};
  if (kind == media::DocumentKind::kPdf) {
    media::DocumentReader reader;
    GLMV_ASSIGN(const auto document, reader.open(bytes, wanted));
    look.about += tr_count(document->num_pages(), ", {} page", ", {} pages");
  }
  return look;
}

Result<ChatModel> open_server(const ModelFlags& flags,
                              const std::shared_ptr<media::PictureDecoder>& pictures) {
  ChatModel model;
  GLMV_ASSIGN(model.backend, load_backend(flags, pictures));
  model.facts.name = flags.served_model;
  model.facts.about = tr("a server");
  // One without a list of models may answer all the same.
  if (const auto served = server_model(flags)) {
    model.facts.name = served->name;
    model.facts.context_limit = served->max_context_tokens;
  }
  return model;
}

}  // namespace

Result<ChatModel> open_chat_model(const ModelFlags& flags,
                                  const std::shared_ptr<media::PictureDecoder>& pictures) {
  if (names_a_server(flags)) return open_server(flags, pictures);
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags));
  GLMV_ASSIGN(auto local, chat::LocalBackend::load(engine));
  local->use_pictures(pictures);
  const auto* backend = local.get();
  ChatModel model;
  model.facts.name = served_name(engine);
  model.facts.about =
      tr_format("{}, {} on {}", terminal::with_tilde(engine.model_dir.string()),
                engine.dtype == "auto" ? tr("its own dtype") : engine.dtype, engine.device);
  model.facts.context_limit = backend->engine().max_context_tokens();
  model.count_tokens = [backend](const api::ChatRequest& request, const api::OnChunk& on_chunk) {
    return backend->prompt_tokens(request, on_chunk);
  };
  model.backend = std::move(local);
  return model;
}

terminal::MediaReader chat_media_reader(const VideoFlags& videos, const DocumentFlags& documents) {
  terminal::MediaReader reader;
  reader.defaults = {.fps = videos.fps,
                     .max_frames = videos.num_frames,
                     .clip = videos.clip,
                     .pages = documents.pages};
  reader.pictures = limited_decoder();
  reader.look_at_video = describe_video;
  reader.document = [documents](const std::string& source, const std::string& pages,
                                const Wanted& wanted) {
    return look_at_document(source, pages, documents, wanted);
  };
  return reader;
}

bool can_be_a_model(const std::string& word) {
  if (api::is_server_url(word) || word.ends_with(".gguf")) return true;
  if (word.find(' ') != word.npos) return false;
  const auto folder = model_folder(word);
  std::error_code ignored;
  return folder && std::filesystem::exists(*folder / "config.json", ignored);
}

}  // namespace glmv::app
