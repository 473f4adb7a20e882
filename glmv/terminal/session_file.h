#pragma once
// A conversation in a file:
// {"v":1,"model","system","params":{...},"messages":[{"role","text","think","media":[{"kind",
//  "path","sha256","opts"}],"stats","finish"}]}
// Media stand there by path and hash, or with "data" (base64) when they are embedded.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/terminal/conversation.h"

namespace glmv::terminal {

struct Session {
  std::string model;
  std::string system;
  Json params = Json::object();  // as settings.h writes them
  std::vector<Turn> turns;
};

// Errors: of reading media that are to be embedded.
Result<Json> session_json(const Session& session, bool embed_media);

struct LoadedSession {
  Session session;
  std::vector<std::string> warnings;  // media that are gone or have changed
};
// Reads the media again. Errors name the path of a bad field ("messages[2].role"). A medium that
// is gone or no longer readable gives a warning and is left out of its message.
Result<LoadedSession> parse_session(const Json& json, const MediaReader& reader);

// For this user only (0600), never half of it. `path`: ~ is expanded.
Result<void> save_session(const std::filesystem::path& path, const Session& session,
                          bool embed_media);
// not_found when there is no such file.
Result<LoadedSession> load_session(const std::filesystem::path& path, const MediaReader& reader);

// The conversation as Markdown, for people: media by their file names only.
std::string export_markdown(const Session& session);

}  // namespace glmv::terminal
