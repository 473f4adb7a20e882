#include "apps/glmv/load_backend.h"

#include <cstdlib>

#include "apps/glmv/command.h"
#include "glmv/base/child_process.h"
#include "glmv/chat/local_backend.h"
#include "glmv/media/child_decoder.h"
#include "glmv/processing/video_rule.h"

namespace glmv::app {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string model_name(const ModelFlags& flags) {
  return flags.model.empty() ? variable("GLMV_MODEL") : flags.model;
}

// Flags of a model in this process, which a server does not see.
Result<void> check_no_local_flags(const ModelFlags& flags, const std::string& url) {
  const runtime::EngineOptions none;
  const runtime::EngineOptions& given = flags.engine;
  const std::pair<const char*, bool> kFlags[] = {
      {"--dtype", given.dtype != none.dtype},
      {"--device", given.device != none.device},
      {"--quant", given.quantize != none.quantize},
      {"--quant-vision", given.quantize_vision != none.quantize_vision},
      {"--act", given.activations != none.activations},
      {"--threads", given.num_threads != none.num_threads},
      {"--cpus", !flags.cpus.empty()},
      {"--ctx", given.max_context_tokens != none.max_context_tokens},
      {"--kv-cache-dtype", given.kv_cache_dtype != none.kv_cache_dtype},
      {"--load-format", given.load_format != none.load_format},
  };
  for (const auto& [name, is_given] : kFlags) {
    if (!is_given) continue;
    return invalid_argument("{} is of a model in this process, and {} is a server: leave it out",
                            name, url);
  }
  return {};
}

api::ChatClientOptions client_options(const ModelFlags& flags) {
  api::ChatClientOptions options;
  options.base_url = model_name(flags);
  options.model = flags.served_model;
  options.timeout_s = flags.server_timeout_s;
  options.ca_file = flags.ca_file;
  options.api_key = flags.api_key;
  for (const char* name : {"GLMV_API_KEY", "OPENAI_API_KEY"}) {
    if (options.api_key.empty()) options.api_key = variable(name);
  }
  return options;
}

}  // namespace

bool names_a_server(const ModelFlags& flags) { return api::is_server_url(model_name(flags)); }

Result<api::ServerModel> server_model(const ModelFlags& flags) {
  return api::ask_server_model(client_options(flags));
}

std::shared_ptr<media::PictureDecoder> limited_decoder() {
  constexpr int64_t kMaxPixels = 100'000'000;
  return std::make_shared<media::ChildDecoder>(media::ChildDecoderOptions{
      .command = {kThisProgram, "decode-media", std::to_string(kMaxPixels)},
      .max_pixels = kMaxPixels});
}

Result<std::unique_ptr<api::ChatBackend>> load_backend(
    const ModelFlags& flags, std::shared_ptr<media::PictureDecoder> pictures) {
  if (!pictures) pictures = limited_decoder();
  if (names_a_server(flags)) {
    GLMV_RETURN_IF_ERROR(check_no_local_flags(flags, model_name(flags)));
    api::ChatClientOptions options = client_options(flags);
    options.pictures = std::move(pictures);
    return api::make_chat_client(options);
  }
  const std::pair<const char*, bool> kFlags[] = {{"--api-key", !flags.api_key.empty()},
                                                 {"--served-model", !flags.served_model.empty()},
                                                 {"--ca-file", !flags.ca_file.empty()}};
  for (const auto& [name, is_given] : kFlags) {
    if (is_given) return invalid_argument("{} is of a server: -m http://HOST:PORT/v1", name);
  }
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags));
  GLMV_ASSIGN(auto backend, chat::LocalBackend::load(engine));
  backend->use_pictures(std::move(pictures));
  return backend;
}

Result<MediaRules> media_rules(const ModelFlags& flags) {
  MediaRules rules;
  if (names_a_server(flags)) {
    GLMV_ASSIGN(const api::ServerModel model, server_model(flags));
    auto told = processing::read_video_rule(model.video_processor, model.name);
    rules.videos_known = told.has_value();
    rules.config = told ? std::move(*told) : processing::usual_video_rule();
    return rules;
  }
  GLMV_ASSIGN(std::filesystem::path folder, model_folder(flags.model, hub::ModelUse::kFiles));
  if (std::filesystem::is_regular_file(folder)) folder = folder.parent_path();
  GLMV_ASSIGN(rules.config, processing::read_processor_config(folder));
  return rules;
}

}  // namespace glmv::app
