#pragma once
// Polygons in an answer: outlines of three points or more. Coordinates are 0-1000, x by width and y
// by height. Arbitrary bytes are fine.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::parsers {

struct PolygonPoint {
  double x = 0, y = 0;    // 0-1000, clamped
  double px = 0, py = 0;  // pixels
};

struct GroundedPolygon {
  std::vector<PolygonPoint> points;  // at least three; the last is joined to the first
  std::string label;                 // "1", "2", ... when the answer names nothing
  bool labelled = false;
  bool clamped = false;       // a coordinate outside 0-1000 as written
  size_t begin = 0, end = 0;  // bytes of the answer that hold it
};

struct PolygonAnswer {
  std::vector<GroundedPolygon> polygons;  // in order of appearance
  double largest = 0;                     // coordinate as written
};

// Reads [[x,y],[x,y],[x,y]], lists of such lists, (x,y),(x,y),(x,y), flat rows of six numbers or
// more of an even count, and JSON objects with "polygon", "polygon_2d", "points", "vertices" or
// "segmentation". For a picture of width x height pixels (0 x 0: unknown, pixels stay 0).
PolygonAnswer parse_polygons(std::string_view answer, int64_t width, int64_t height);

}  // namespace glmv::parsers
