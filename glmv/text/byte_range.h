#pragma once

#include <cstddef>

namespace glmv::text {

// Half-open range of bytes [begin, end) of a text.
struct ByteRange {
  size_t begin = 0;
  size_t end = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

}  // namespace glmv::text
