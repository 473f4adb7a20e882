#pragma once

#include <memory>

#include "apps/glmv/chat_options.h"
#include "glmv/api/chat_client.h"
#include "glmv/media/picture_decoder.h"
#include "glmv/processing/processor_config.h"

namespace glmv::app {

// Decodes the pictures that a command line names in a child that may do nothing else, which starts
// with the first of them.
std::shared_ptr<media::PictureDecoder> limited_decoder();

// The model that the flags name: a folder, loaded into this process, or a server's URL (also from
// $GLMV_MODEL). `pictures`: who decodes those that come as files; null: a limited_decoder().
// Errors: of either; invalid_argument for flags of one with the other.
Result<std::unique_ptr<api::ChatBackend>> load_backend(
    const ModelFlags& flags, std::shared_ptr<media::PictureDecoder> pictures = nullptr);

// Where it is a server: what that says of its model.
Result<api::ServerModel> server_model(const ModelFlags& flags);

// What load_backend() loads is a server.
bool names_a_server(const ModelFlags& flags);

// How the model takes pictures and samples videos; nothing of its weights is read.
struct MediaRules {
  processing::ProcessorConfig config;
  // False: a server that does not say how it takes videos. Then `config` has the rule of GLM-4.1V
  // and GLM-4.5V, which may not be the server's.
  bool videos_known = true;
};
// Of a server, its model is asked for. Errors: those of reading the folder, or of the server.
Result<MediaRules> media_rules(const ModelFlags& flags);

}  // namespace glmv::app
