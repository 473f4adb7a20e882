#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::media {

// Standard or URL-safe alphabet, padding optional, white space ignored. Errors give the position
// of the first bad character. Source: RFC 4648.
Result<std::string> decode_base64(std::string_view text);

// Standard alphabet, padding as it must be, nothing else: what one encoder writes, others read
// alike.
Result<std::string> decode_strict_base64(std::string_view text);

// Standard alphabet with padding, no line breaks.
std::string encode_base64(std::string_view bytes);

}  // namespace glmv::media
