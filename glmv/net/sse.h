#pragma once
// Server-sent events, read from bytes in any cut, as the WHATWG HTML standard has them.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::net {

struct SseEvent {
  std::string type;  // of the field "event"; empty: none
  std::string data;  // lines joined with "\n"
  std::string id;    // the last one that came, of this event or an earlier one
};

// Lines end in LF, CR or CRLF. Comments and unknown fields are dropped, an event without data too.
// The bytes of data are given as they came, valid UTF-8 or not.
class SseReader {
 public:
  // A line, or the data of an event, may not be longer.
  explicit SseReader(size_t max_event_bytes = size_t{64} << 20) : max_bytes_(max_event_bytes) {}

  // Events that are complete now. resource_exhausted: one is too long; nothing can be read after
  // that.
  Result<std::vector<SseEvent>> feed(std::string_view bytes);
  // The end of the bytes: an event whose empty line is missing, which the standard drops and
  // servers send.
  Result<std::optional<SseEvent>> finish();

 private:
  Result<void> end_line(std::vector<SseEvent>& events);
  Result<void> take(std::string_view bytes);

  size_t max_bytes_;
  std::string line_;       // that has not ended
  bool after_cr_ = false;  // a LF now belongs to the CR before
  bool at_start_ = true;   // a byte order mark may come
  SseEvent event_;
  bool has_data_ = false;
};

}  // namespace glmv::net
