#include "glmv/server/routes.h"

namespace glmv::server {

std::span<const Route> routes() {
  static constexpr Route kRoutes[] = {
      {"POST", "/v1/chat/completions", chat_completions},
      {"GET", "/v1/models", list_models},
      {"GET", "/v1/models/*", show_model},
      {"GET", "/health", health, true},
      {"GET", "/ready", ready, true},
      {"GET", "/version", version},
  };
  return kRoutes;
}

}  // namespace glmv::server
