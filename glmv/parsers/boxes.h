#pragma once
// Grounding boxes and points in an answer. Coordinates are
// 0-1000, x by width and y by height, whatever size the model saw. Arbitrary bytes are fine.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::parsers {

struct GroundedBox {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;      // 0-1000, ordered and clamped
  double px1 = 0, py1 = 0, px2 = 0, py2 = 0;  // pixels of the original picture
  std::string label;          // never empty: "1", "2", ... when the answer names nothing
  bool labelled = false;      // the label comes from the answer
  bool reordered = false;     // x1 > x2 or y1 > y2 as written
  bool clamped = false;       // a coordinate outside 0-1000 as written
  bool degenerate = false;    // no area after clamping
  size_t begin = 0, end = 0;  // bytes of the answer that hold it
};

struct GroundedPoint {
  double x = 0, y = 0;    // 0-1000, clamped
  double px = 0, py = 0;  // pixels
  std::string label;      // may be empty
  bool clamped = false;
  size_t begin = 0, end = 0;
};

// Something that looks like coordinates but is not; the text stays in the answer.
struct RejectedCoordinates {
  std::string reason;  // "bad_arity"
  size_t begin = 0, end = 0;
};

struct Grounding {
  std::vector<GroundedBox> boxes;  // in order of appearance
  std::vector<GroundedPoint> points;
  std::vector<RejectedCoordinates> rejected;
  bool from_json = false;
  // The largest coordinate as written. Above 1000: the answer is in pixels, not in thousandths.
  double largest = 0;
};

// Reads `answer` (with its box markers; only their insides are read when there are any) for a
// picture of width x height pixels (0 x 0: unknown, pixel coordinates stay 0).
// With a quoted bbox_2d, box_2d or bbox key the JSON rules hold: the last complete list counts,
// else every complete object of a truncated one. Otherwise bracketed numbers: four are a box, two
// a point, two round pairs side by side a box, any other count above two is rejected.
Grounding parse_grounding(std::string_view answer, int64_t width, int64_t height);

}  // namespace glmv::parsers
