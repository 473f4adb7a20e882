// /api/conversations and /api/blobs: what the page keeps on the server, with --store only.

#include <charconv>
#include <chrono>

#include "glmv/base/sha256.h"
#include "glmv/net/http_fields.h"
#include "glmv/server/routes.h"
#include "glmv/store/conversation_store.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxConversationBytes = size_t{16} << 20;
constexpr size_t kMaxBlobBytes = size_t{128} << 20;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Texts of the store may name its folder, which is none of a client's business.
ApiError store_error(const Status& status) {
  switch (status.code) {
    case Code::kNotFound:
      return {404, "conversation_not_found", status.message, "", 0};
    case Code::kCancelled:
      return {412, "conversation_changed", status.message, "If-Match", 0};
    case Code::kInvalidArgument: {
      const size_t colon = status.message.find(": ");
      const bool named = colon != std::string::npos && status.message.find(' ') == colon + 1;
      return {400, "invalid_value", status.message, named ? status.message.substr(0, colon) : "",
              0};
    }
    case Code::kResourceExhausted:
      return {503, "storage_full", "the server's store cannot be written: its disk may be full", "",
              60};
    case Code::kUnavailable:
      return {503, "unavailable", "the server's store is busy; try again soon", "", 2};
    default:
      return {500, "internal_error", "the server's store fails; a restart may mend it", "",
              0,   status.message};
  }
}

// Fails and gives null where there is no store.
store::ConversationStore* store_of(const Call& call) {
  auto* const store = call.server.options().store.get();
  if (store == nullptr) {
    fail(call, {404, "route_not_found",
                "this server keeps no conversations: it was started without --store", "", 0});
  }
  return store;
}

// Where all use one key, or none, all is theirs.
std::string owner_of(const Call& call) {
  return call.server.has_strangers() ? call.record.key : std::string();
}

// Fails and gives nothing where it is no id.
std::optional<std::string> id_of(const Call& call) {
  const std::string& id = call.names[0];
  if (store::is_id(id)) return id;
  fail(call, bad_field("id", "must be 1 to 64 letters, digits, \"_\" or \"-\"").error());
  return std::nullopt;
}

std::string etag_of(int64_t version) { return fmt::format("\"{}\"", version); }

// The version that a conversation must still have; none: any. 0: there must be none.
ApiResult<std::optional<int64_t>> condition(const Call& call) {
  const std::string_view match = call.request.header("if-match");
  if (call.request.header("if-none-match") == "*") return 0;
  if (match.empty() || match == "*") return std::nullopt;
  int64_t version = 0;
  const bool quoted = match.size() > 2 && match.front() == '"' && match.back() == '"';
  const char* const end = match.data() + match.size() - 1;
  const auto read = std::from_chars(match.data() + 1, end, version);
  if (!quoted || read.ec != std::errc() || read.ptr != end || version < 1) {
    return bad_field("If-Match", "must be an ETag of this conversation");
  }
  return version;
}

Json listed_json(const std::vector<store::Listed>& list) {
  Json data = Json::array();
  for (const store::Listed& each : list) {
    data.push_back({{"id", each.id},
                    {"title", each.title},
                    {"created", each.created_ms},
                    {"updated", each.updated_ms},
                    {"pinned", each.pinned},
                    {"version", each.version}});
  }
  return data;
}

std::string safe_type(const std::string& mime) {
  const bool known = mime.starts_with("image/") || mime.starts_with("video/") ||
                     mime == "application/pdf" || mime == "text/plain";
  const bool plain =
      mime.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789/.+-") == std::string::npos;
  return known && plain && mime.size() < 80 ? mime : "application/octet-stream";
}

}  // namespace

void list_conversations(const Call& call) {
  auto* const store = store_of(call);
  if (store == nullptr) return;
  const auto words = call.request.parameter("q");
  if (!words) return fail(call, bad_field("q", words.error().message).error());
  // Taken first: a change between the two is only told of once more.
  const auto version = store->version();
  if (!version) return fail(call, store_error(version.error()));
  const std::string etag = etag_of(*version);
  const net::HttpHeaders headers = {{"ETag", etag}, {"Cache-Control", "no-store"}};
  if (!*words && net::matches_etag(call.request.header("if-none-match"), etag)) {
    return call.reply.send(304, headers, {});
  }
  const auto list = *words ? store->search(owner_of(call), **words) : store->list(owner_of(call));
  if (!list) return fail(call, store_error(list.error()));
  Json json = {{"data", listed_json(*list)}};
  if (!*words) {
    const auto deleted = store->deleted(owner_of(call));
    if (!deleted) return fail(call, store_error(deleted.error()));
    json["deleted"] = Json::array();
    for (const store::Deleted& each : *deleted) {
      json["deleted"].push_back({{"id", each.id}, {"deleted", each.deleted_ms}});
    }
  }
  send_json(call.reply, 200, json, call.request_id, headers);
}

void show_conversation(const Call& call) {
  auto* const store = store_of(call);
  if (store == nullptr) return;
  const auto id = id_of(call);
  if (!id) return;
  const auto found = store->get(owner_of(call), *id);
  if (!found) return fail(call, store_error(found.error()));
  send_json(call.reply, 200, store::conversation_json(found->conversation), call.request_id,
            {{"ETag", etag_of(found->version)}, {"Cache-Control", "no-store"}});
}

void put_conversation(const Call& call) {
  auto* const store = store_of(call);
  if (store == nullptr) return;
  const auto id = id_of(call);
  if (!id) return;
  if (call.request.body.size() > kMaxConversationBytes) {
    return fail(call, {413, "request_too_large", "a conversation has at most 16 MiB", "", 0});
  }
  const auto must_be = condition(call);
  if (!must_be) return fail(call, must_be.error());
  const auto body = parse_body(call.request.body);
  if (!body) return fail(call, body.error());
  const auto conversation = store::read_conversation(*body, *id);
  if (!conversation) return fail(call, store_error(conversation.error()));
  const auto version = store->put(owner_of(call), *conversation, *must_be);
  if (!version) return fail(call, store_error(version.error()));
  call.reply.send(204, {{"ETag", etag_of(*version)}, {"x-request-id", call.request_id}}, {});
}

void delete_conversation(const Call& call) {
  auto* const store = store_of(call);
  if (store == nullptr) return;
  const auto id = id_of(call);
  if (!id) return;
  const auto removed = store->remove(owner_of(call), *id, now_ms());
  if (!removed) return fail(call, store_error(removed.error()));
  call.reply.send(204, {{"x-request-id", call.request_id}}, {});
}

void show_blob(const Call& call) {
  auto* const store = store_of(call);
  if (store == nullptr) return;
  const auto blob = store->get_blob(owner_of(call), call.names[0]);
  if (!blob) return fail(call, store_error(blob.error()));
  call.reply.send(200,
                  {{"Content-Type", safe_type(blob->mime)},
                   {"Content-Disposition", "attachment"},
                   {"Content-Security-Policy", "default-src 'none'; sandbox"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"Cache-Control", "private, max-age=31536000, immutable"},
                   {"x-request-id", call.request_id}},
                  blob->bytes);
}

void put_blob(const Call& call) {
  auto* const store = store_of(call);
  if (store == nullptr) return;
  if (call.request.body.size() > kMaxBlobBytes) {
    return fail(call, {413, "file_too_large", "a file of the store has at most 128 MiB", "", 0});
  }
  const auto put =
      store->put_blob(owner_of(call), call.names[0], call.request.header("content-type"),
                      call.request.body, now_ms());
  if (!put) return fail(call, store_error(put.error()));
  call.reply.send(204, {{"x-request-id", call.request_id}}, {});
}

}  // namespace glmv::server
