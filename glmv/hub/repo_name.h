#pragma once
// Names of models on a hub, their revisions and files. What comes from people and from hubs becomes
// paths and URLs, so it is checked here, before anything is done with it.

#include <optional>
#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::hub {

struct RepoName {
  std::string owner;  // empty for the few that have none ("gpt2")
  std::string name;
  std::string revision = "main";  // branch, tag or commit

  std::string id() const;      // "owner/name"
  std::string folder() const;  // of the cache: "models--owner--name"
  bool operator==(const RepoName&) const = default;
};

// OWNER/NAME or NAME, each with or without @REVISION. Letters, digits, '-', '_' and '.', as the hub
// allows them: no "--", no "..", no '-' or '.' at an end, at most 96 characters.
Result<RepoName> parse_repo_name(std::string_view text);
// Whether text that is no path may have been meant as a name: two parts, as hubs have them.
bool looks_like_repo_name(std::string_view text);
// The name behind a folder of the cache; its revision is "main". nullopt for other folders.
std::optional<RepoName> repo_of_folder(std::string_view folder);

// Of a git reference: no "..", control characters, spaces, hidden or empty parts.
Result<void> check_revision(std::string_view revision);
// 40 hexadecimal digits in lower case.
bool is_commit(std::string_view revision);
// A relative path in UTF-8 that stays below where it begins.
Result<void> check_file_name(std::string_view name);
// What names a blob: up to 128 letters, digits, '-' and '_'.
bool is_blob_name(std::string_view etag);

// Percent-encoded for a URL; '/' stays where `keep_slashes`.
std::string url_escaped(std::string_view text, bool keep_slashes);
// Text of others for a message: one line, at most 200 bytes, no control characters.
std::string shown(std::string_view text);

}  // namespace glmv::hub
