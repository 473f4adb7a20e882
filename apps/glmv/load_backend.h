#pragma once

#include <memory>

#include "apps/glmv/chat_options.h"
#include "glmv/api/chat_client.h"

namespace glmv::app {

// The model that the flags name: a folder, loaded into this process, or a server's URL (also from
// $GLMV_MODEL). Errors: of either; invalid_argument for flags of one with the other.
Result<std::unique_ptr<api::ChatBackend>> load_backend(const ModelFlags& flags);

// Where it is a server: what that says of its model.
Result<api::ServerModel> server_model(const ModelFlags& flags);

// What load_backend() loads is a server.
bool names_a_server(const ModelFlags& flags);

}  // namespace glmv::app
