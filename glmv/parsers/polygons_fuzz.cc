// Any bytes as an answer with polygons: no crash, points inside the picture, spans inside the text.

#include <cstdint>
#include <string_view>

#include "glmv/base/check.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/polygons.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& polygon : glmv::parsers::parse_polygons(text, 1920, 1080).polygons) {
    GLMV_CHECK(polygon.points.size() >= 3);
    for (const auto& point : polygon.points) {
      GLMV_CHECK(point.px >= 0 && point.px <= 1920 && point.py >= 0 && point.py <= 1080);
    }
    GLMV_CHECK(polygon.begin < polygon.end && polygon.end <= size);
    GLMV_CHECK(!glmv::find_invalid_utf8(polygon.label));
  }
  return 0;
}
