#pragma once
// A conversation as the page sends it (docs/web-contract.md, section 8) <-> what the tables hold.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::store {

// `more` of each: what was sent beside the fields that have a name here, as JSON text.
struct StoredPart {
  std::string kind, name, sha256, more;
};
struct StoredMessage {
  std::string id;
  std::optional<std::string> parent;
  std::string role, text, think, status;
  std::optional<std::string> finish;  // of the stats
  std::string stats;                  // JSON
  int64_t created_ms = 0;
  std::vector<StoredPart> parts;
  std::string more;
};
struct StoredConversation {
  std::string id, title, system;
  int64_t created_ms = 0, updated_ms = 0;
  bool pinned = false;
  std::optional<std::string> leaf;
  std::string params;  // JSON
  std::string more;
  std::vector<StoredMessage> messages;
};

// Names of conversations and messages: [A-Za-z0-9_-]{1,64}.
bool is_id(std::string_view text);

// {"conv": {...}, "msgs": [...]}. invalid_argument begins with the path of the field:
// "msgs[2].role: must be a string".
Result<StoredConversation> read_conversation(const Json& body, std::string_view id);
Json conversation_json(const StoredConversation& conversation);

}  // namespace glmv::store
