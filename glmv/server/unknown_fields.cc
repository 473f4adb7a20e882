#include "glmv/server/unknown_fields.h"

#include "glmv/server/openapi_schemas.h"

namespace glmv::server {
namespace {

// Clients choose the names.
constexpr size_t kMaxNames = 256;
constexpr size_t kMaxNameBytes = 64;

}  // namespace

void UnknownFields::look(const Json& body, std::string_view schema) {
  if (!tell_) return;
  const auto known = body_schemas().find(std::string(schema));
  if (known == body_schemas().end() || !known->contains("properties")) return;
  const Json& properties = (*known)["properties"];
  for (const auto& [name, value] : body.items()) {
    if (properties.contains(name) || name == "extra_body") continue;
    const std::string shown = name.substr(0, kMaxNameBytes);
    {
      const std::lock_guard lock(mutex_);
      if (names_.size() >= kMaxNames || !names_.insert(shown).second) continue;
    }
    tell_(fmt::format("the field {} of a {} is not known; it does nothing",
                      Json(shown).dump(-1, ' ', true, Json::error_handler_t::replace), schema));
  }
}

}  // namespace glmv::server
