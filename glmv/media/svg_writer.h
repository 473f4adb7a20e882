#pragma once
// Shapes over a picture as an SVG file that stands by itself.

#include <span>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/media/shapes.h"

namespace glmv::media {

struct SvgPicture {
  int width = 0;  // pixels
  int height = 0;
  std::string href;      // data: URL or path of the picture; empty: shapes only
  std::string metadata;  // text for programs, in <metadata>; may be empty
};

// Every shape is a group with its label as data-label. Colours, lines and chips are those of
// draw_shapes. Nothing reaches beyond the picture. Errors as clip_shapes.
Result<std::string> svg_of_shapes(const SvgPicture& picture, std::span<const Shape> shapes);

// Escaped for text and attributes of XML; what XML cannot hold becomes U+FFFD.
std::string xml_text(std::string_view text);

}  // namespace glmv::media
