#include "apps/glmv/chat_setup.h"

#include <fmt/format.h>

#include "glmv/chat/local_backend.h"
#include "glmv/media/child_video_opener.h"
#include "glmv/media/video_source.h"

namespace glmv::app {
namespace {

Result<std::string> describe_video(const text::ContentPart& part) {
  GLMV_ASSIGN(const media::VideoSource source, media::open_video_source(part.source));
  media::ChildVideoOpener opener;
  GLMV_ASSIGN(const auto reader, opener.open(source.file));
  const media::VideoFileInfo& info = reader->info();
  if (part.begin_s >= info.duration_s && part.begin_s > 0) {
    return invalid_argument("the clip begins at {:.1f} s, behind the end at {:.1f} s", part.begin_s,
                            info.duration_s);
  }
  return fmt::format("{:.1f} s, {} x {}, {:.4g} fps", info.duration_s, info.width, info.height,
                     info.fps);
}

}  // namespace

Result<ChatModel> open_chat_model(const ModelFlags& flags) {
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags));
  GLMV_ASSIGN(auto local, chat::LocalBackend::load(engine));
  const auto* backend = local.get();
  ChatModel model;
  model.facts.name = served_name(engine);
  model.facts.about =
      fmt::format("{}, {} on {}", terminal::with_tilde(engine.model_dir.string()),
                  engine.dtype == "auto" ? "its own dtype" : engine.dtype, engine.device);
  model.facts.context_limit = backend->engine().max_context_tokens();
  model.count_tokens = [backend](const api::ChatRequest& request) {
    return backend->prompt_tokens(request);
  };
  model.backend = std::move(local);
  return model;
}

terminal::MediaReader chat_media_reader(const VideoFlags& flags) {
  terminal::MediaReader reader;
  reader.defaults = {.fps = flags.fps, .max_frames = flags.num_frames, .clip = flags.clip};
  reader.look_at_video = describe_video;
  return reader;
}

}  // namespace glmv::app
