// libFuzzer target: any bytes give the same events in any cut, and never more data than came.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/net/sse.h"

namespace {

using glmv::net::SseEvent;

std::string read(std::string_view bytes, size_t size) {
  glmv::net::SseReader reader(4096);
  std::string out;
  const auto add = [&out](const SseEvent& event) {
    out += event.type + "\x1f" + event.data + "\x1f" + event.id + "\x1e";
  };
  for (size_t i = 0; i < bytes.size(); i += size) {
    const auto events = reader.feed(bytes.substr(i, size));
    if (!events) return out + "too long";
    for (const SseEvent& event : *events) add(event);
  }
  const auto last = reader.finish();
  if (!last) return out + "too long";
  if (*last) add(**last);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = read(bytes, 1);
  // Where one is too long, a larger piece loses the events in front of it.
  const std::string cut = read(bytes, size_t{1} + data[0]);
  GLMV_CHECK(whole.ends_with("too long") ? cut.ends_with("too long") : cut == whole);
  return 0;
}
