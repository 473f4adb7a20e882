#pragma once
// A conversation in a file:
// {"v":1,"model","system","params":{...},"messages":[{"role","text","think","media":[{"kind",
//  "path","sha256","opts"}],"stats","finish"}]}
// Media stand there by path and hash, or with "data" (base64) when they are embedded.

#include <filesystem>
#include <map>
#include <memory>
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

// Files of media in the form in which sessions hold them, each read once however often a session is
// stored. Not thread-safe.
class EmbeddedMedia {
 public:
  // Errors: of reading.
  Result<std::shared_ptr<const std::string>> base64_of(const Attachment& item);

 private:
  std::map<std::string, std::shared_ptr<const std::string>> by_sha256_;
};

// `embedded`: media go into it themselves; null: by path and hash, but for those that are in memory
// only. Errors: of reading media.
Result<Json> session_json(const Session& session, EmbeddedMedia* embedded);

struct LoadedSession {
  Session session;
  std::vector<std::string> warnings;  // media that are gone or have changed
};
// Reads the media again. Errors name the path of a bad field ("messages[2].role"). A medium that
// is gone or no longer readable gives a warning and is left out of its message.
Result<LoadedSession> parse_session(const Json& json, const MediaReader& reader,
                                    const Wanted& wanted = {});

// For this user only (0600), never half of it. `path`: ~ is expanded.
Result<void> save_session(const std::filesystem::path& path, const Session& session,
                          EmbeddedMedia* embedded);
// Errors: also not_found when there is no such file, cancelled.
Result<LoadedSession> load_session(const std::filesystem::path& path, const MediaReader& reader,
                                   const Wanted& wanted = {});

// The conversation as Markdown, for people: media by their file names only.
std::string export_markdown(const Session& session);

}  // namespace glmv::terminal
