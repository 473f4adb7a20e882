// A range lies within the bytes; nothing else may be relied on but that it ends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "glmv/net/http_fields.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int64_t bytes = data[0];
  (void)glmv::net::accepts_gzip(text);
  (void)glmv::net::matches_etag(text, "\"a\"");
  const glmv::net::ByteRange range = glmv::net::byte_range(text, bytes);
  if (range.kind == glmv::net::ByteRange::Kind::kPart &&
      (range.begin < 0 || range.size < 1 || range.begin + range.size > bytes)) {
    std::abort();
  }
  return 0;
}
