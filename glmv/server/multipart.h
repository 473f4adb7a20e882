#pragma once
// One file in a multipart/form-data body (RFC 7578).

#include <string>
#include <string_view>

#include "glmv/server/api_error.h"

namespace glmv::server {

struct MultipartFile {
  std::string name;           // a label: short, printable UTF-8, no path
  std::string_view contents;  // within the body
};

// The first part called `field`. `content_type`: the request's header. Errors: 400, 415 (another
// content type).
ApiResult<MultipartFile> multipart_file(std::string_view content_type, std::string_view body,
                                        std::string_view field);

}  // namespace glmv::server
