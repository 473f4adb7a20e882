#pragma once
// Header fields by which a client says in which form it wants an answer (RFC 9110).

#include <cstdint>
#include <string_view>

namespace glmv::net {

// Whether Accept-Encoding allows gzip. An empty one, or one that cannot be read, does not.
bool accepts_gzip(std::string_view accept_encoding);

// Whether If-None-Match names the entity tag `etag` (with its quotes; weak ones count), or is "*".
bool matches_etag(std::string_view if_none_match, std::string_view etag);

// What a Range field asks for of `size` bytes.
struct ByteRange {
  enum class Kind {
    kAll,   // no range, or one that a server may overlook: several, other units, nonsense
    kPart,  // [begin, begin + size)
    kNone,  // begins behind the end: 416
  };
  Kind kind = Kind::kAll;
  int64_t begin = 0, size = 0;
};
ByteRange byte_range(std::string_view range, int64_t size);

}  // namespace glmv::net
