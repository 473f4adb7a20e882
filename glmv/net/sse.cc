#include "glmv/net/sse.h"

#include <utility>

namespace glmv::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Result<std::vector<SseEvent>> SseReader::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const size_t end = bytes.find_first_of("\r\n");
    GLMV_RETURN_IF_ERROR(take(bytes.substr(0, end)));
    if (end == bytes.npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    GLMV_RETURN_IF_ERROR(end_line(events));
  }
  return events;
}

Result<std::optional<SseEvent>> SseReader::finish() {
  std::vector<SseEvent> events;
  if (!line_.empty()) GLMV_RETURN_IF_ERROR(end_line(events));
  GLMV_RETURN_IF_ERROR(end_line(events));
  if (events.empty()) return std::nullopt;
  return std::move(events.front());
}

Result<void> SseReader::take(std::string_view bytes) {
  if (line_.size() + event_.data.size() + bytes.size() > max_bytes_) {
    return resource_exhausted("an event of the stream has more than {} bytes", max_bytes_);
  }
  line_ += bytes;
  return {};
}

Result<void> SseReader::end_line(std::vector<SseEvent>& events) {
  const std::string whole = std::exchange(line_, {});
  std::string_view line = whole;
  if (std::exchange(at_start_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    SseEvent event = std::exchange(event_, {.id = event_.id});
    if (std::exchange(has_data_, false)) events.push_back(std::move(event));
    return {};
  }
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (std::exchange(has_data_, true)) event_.data += '\n';
    if (event_.data.size() + value.size() > max_bytes_) {
      return resource_exhausted("an event of the stream has more than {} bytes", max_bytes_);
    }
    event_.data += value;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id" && value.find('\0') == value.npos) {
    event_.id = value;
  }
  return {};
}

}  // namespace glmv::net
