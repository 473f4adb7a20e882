#pragma once

#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv {

// Every %XX of a URL's part once. invalid_argument gives the position of a bad one.
Result<std::string> percent_decode(std::string_view text);

}  // namespace glmv
