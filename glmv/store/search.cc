// ConversationStore::search(): by trigrams where the text is long enough for them.

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/store/conversation_store.h"

namespace glmv::store {
namespace {

constexpr size_t kMaxCharacters = 200;
constexpr size_t kTrigram = 3;

// The first characters, without those that would end a text in SQLite; `count` of them.
std::string cut(std::string_view text, size_t& count) {
  std::string out;
  count = 0;
  for (size_t at = 0; at < text.size() && count < kMaxCharacters;) {
    const DecodedChar c = decode_utf8(text, at);
    if (c.valid && c.code_point != 0) {
      out += text.substr(at, static_cast<size_t>(c.num_bytes));
      ++count;
    }
    at += static_cast<size_t>(c.num_bytes);
  }
  return out;
}

std::string like_pattern(const std::string& text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

// One phrase, whatever stands in it.
std::string phrase(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

constexpr char kByTrigrams[] =
    "SELECT id, title, created_ms, updated_ms, pinned, version FROM conversation "
    "WHERE owner = ?1 AND (title LIKE ?2 ESCAPE '\\' OR key IN (SELECT conv_key FROM message_fts "
    "JOIN message ON message.key = message_fts.rowid WHERE message_fts MATCH ?3)) "
    "ORDER BY updated_ms DESC LIMIT ?4";
constexpr char kByReading[] =
    "SELECT id, title, created_ms, updated_ms, pinned, version FROM conversation "
    "WHERE owner = ?1 AND (title LIKE ?2 ESCAPE '\\' OR EXISTS (SELECT 1 FROM message WHERE "
    "conv_key = conversation.key AND (text LIKE ?2 ESCAPE '\\' OR think LIKE ?2 ESCAPE '\\'))) "
    "ORDER BY updated_ms DESC LIMIT ?4";

}  // namespace

Result<std::vector<Listed>> ConversationStore::search(std::string_view owner, std::string_view text,
                                                      int64_t most) {
  size_t count = 0;
  const std::string wanted = cut(text, count);
  if (count == 0) return std::vector<Listed>{};
  const bool trigrams = count >= kTrigram;
  const std::lock_guard hold(mutex_);
  GLMV_ASSIGN(Statement rows, db_.prepare(trigrams ? kByTrigrams : kByReading));
  rows.bind(1, owner).bind(2, std::string_view(like_pattern(wanted))).bind(4, most);
  if (trigrams) rows.bind(3, std::string_view(phrase(wanted)));
  return read_listed(rows);
}

}  // namespace glmv::store
