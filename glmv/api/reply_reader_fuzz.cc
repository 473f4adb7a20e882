// libFuzzer target: any bytes of a server, as events, give pieces that add up to the reply.

#include <cstddef>
#include <cstdint>

#include "glmv/api/reply_reader.h"
#include "glmv/base/check.h"
#include "glmv/net/sse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  if (size < 2) return 0;
  api::ChatRequest request;
  request.drop_restated = (data[0] & 1) != 0;
  request.keep_box_markers = (data[0] & 2) != 0;
  request.raw_output = (data[0] & 4) != 0;
  const auto kind = static_cast<api::ServerKind>(data[1] % 5);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Status said = api::server_error(data[1] * 3, bytes);
  GLMV_CHECK(!said.message.empty() && said.message.size() < 800);

  net::SseReader events;
  api::ReplyReader reader(request, kind);
  std::string content;
  size_t num_logprobs = 0;
  const auto read = events.feed(bytes);
  if (!read) return 0;
  for (const net::SseEvent& event : *read) {
    const Json json = Json::parse(event.data, nullptr, false);
    if (json.is_discarded()) continue;
    const auto chunk = reader.read(json);
    if (!chunk) return 0;
    content += chunk->content;
    num_logprobs += chunk->logprobs.size();
  }
  content += reader.finish().content;
  const api::ChatReply reply = reader.reply();
  GLMV_CHECK(content == reply.content);
  GLMV_CHECK(num_logprobs == reply.logprobs.size());
  GLMV_CHECK(!reply.finish_reason.empty());
  return 0;
}
