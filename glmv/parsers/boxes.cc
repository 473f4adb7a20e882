#include "glmv/parsers/boxes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "glmv/parsers/answer_json.h"
#include "glmv/parsers/coordinates.h"
#include "glmv/parsers/marked_text.h"

namespace glmv::parsers {
namespace {

constexpr double kScale = 1000.0;
constexpr std::string_view kBoxKeys[] = {"bbox_2d", "box_2d", "bbox", "bbox_3d"};
// That make an answer JSON; "point" is also a word.
constexpr std::string_view kJsonKeys[] = {"bbox_2d", "box_2d", "bbox", "bbox_3d", "point_2d"};
constexpr std::string_view kPointKeys[] = {"point_2d", "point"};

using Range = TextRange;

class Collector {
 public:
  Collector(int64_t width, int64_t height)
      : width_(static_cast<double>(width)), height_(static_cast<double>(height)) {}

  void box(const std::array<double, 4>& v, std::string label, Range range) {
    note_size({v[0], v[1], v[2], v[3]});
    GroundedBox box;
    box.label = std::move(label);
    box.labelled = !box.label.empty();
    if (!box.labelled) box.label = std::to_string(++num_unnamed_);
    box.begin = range.begin;
    box.end = range.end;
    box.x1 = v[0], box.y1 = v[1], box.x2 = v[2], box.y2 = v[3];
    if (box.x1 > box.x2) {
      std::swap(box.x1, box.x2);
      box.reordered = true;
    }
    if (box.y1 > box.y2) {
      std::swap(box.y1, box.y2);
      box.reordered = true;
    }
    for (double* c : {&box.x1, &box.y1, &box.x2, &box.y2}) box.clamped |= clamp(*c);
    box.degenerate = box.x1 >= box.x2 || box.y1 >= box.y2;
    box.px1 = box.x1 / kScale * width_;
    box.px2 = box.x2 / kScale * width_;
    box.py1 = box.y1 / kScale * height_;
    box.py2 = box.y2 / kScale * height_;
    out.boxes.push_back(std::move(box));
  }

  void point(double x, double y, std::string label, Range range) {
    note_size({x, y});
    GroundedPoint point{.x = x, .y = y, .label = std::move(label)};
    point.clamped = clamp(point.x);
    point.clamped |= clamp(point.y);
    point.px = point.x / kScale * width_;
    point.py = point.y / kScale * height_;
    point.begin = range.begin;
    point.end = range.end;
    out.points.push_back(std::move(point));
  }

  void reject(Range range) { out.rejected.push_back({"bad_arity", range.begin, range.end}); }

  // A row of numbers in running text. One number in brackets is a citation, not a coordinate.
  void numbers(const NumberGroup& group, const std::string& label, size_t offset) {
    const std::vector<double>& v = group.numbers;
    const Range range{offset + group.begin, offset + group.end};
    if (v.size() == 2) {
      point(v[0], v[1], label, range);
    } else if (v.size() >= 4 && v.size() % 4 == 0 && (v.size() == 4 || rows_of_four(group))) {
      for (size_t i = 0; i < v.size(); i += 4) {
        box({v[i], v[i + 1], v[i + 2], v[i + 3]}, label, range);
      }
    } else if (v.size() > 1) {
      reject(range);
    }
  }

  // Groups side by side, outermost brackets already gone.
  void groups(const std::vector<NumberGroup>& list, const std::string& label, size_t offset) {
    for (size_t i = 0; i < list.size(); ++i) {
      if (i == 0 && list.size() == 2 && is_corner_pair(list[0], list[1])) {
        corner_pair(list[0], list[1], label, offset);
        return;
      }
      if (list[i].groups.empty()) {
        numbers(list[i], label, offset);
      } else {
        groups(list[i].groups, label, offset);
      }
    }
  }

  void corner_pair(const NumberGroup& a, const NumberGroup& b, const std::string& label,
                   size_t offset) {
    box({a.numbers[0], a.numbers[1], b.numbers[0], b.numbers[1]}, label,
        {offset + a.begin, offset + b.end});
  }

  static bool is_corner_pair(const NumberGroup& a, const NumberGroup& b) {
    return a.bracket == '(' && b.bracket == '(' && a.numbers.size() == 2 && b.numbers.size() == 2;
  }

  Grounding out;

 private:
  void note_size(std::initializer_list<double> values) {
    out.largest = std::max(out.largest, std::max(values));
  }

  static bool clamp(double& c) {
    const double inside = std::clamp(c, 0.0, kScale);
    return std::exchange(c, inside) != inside;
  }

  static bool rows_of_four(const NumberGroup& group) {
    const size_t num_rows = group.numbers.size() / 4;
    if (group.row_ends.size() != num_rows - 1) return false;
    for (size_t i = 0; i + 1 < num_rows; ++i) {
      if (group.row_ends[i] != 4 * (i + 1)) return false;
    }
    return true;
  }

  double width_;
  double height_;
  int num_unnamed_ = 0;
};

// Between two corner pairs may stand white space and one comma or semicolon.
bool only_separator(std::string_view between) {
  int num_marks = 0;
  for (const char c : between) {
    if (c == ',' || c == ';')
      ++num_marks;
    else if (c != ' ' && c != '\t')
      return false;
  }
  return num_marks <= 1;
}

void read_plain(std::string_view text, const std::vector<Range>& ranges, Collector& collector) {
  size_t previous_end = 0;
  for (const Range& range : ranges) {
    const std::string_view part = text.substr(range.begin, range.end - range.begin);
    const std::vector<NumberGroup> groups = find_number_groups(part);
    const auto adjacent = [&](size_t i) {
      return i + 1 < groups.size() && Collector::is_corner_pair(groups[i], groups[i + 1]) &&
             only_separator(part.substr(groups[i].end, groups[i + 1].begin - groups[i].end));
    };
    for (size_t i = 0; i < groups.size(); ++i) {
      const std::string label = label_in_front(text, previous_end, range.begin + groups[i].begin);
      // Exactly two pairs in a row are corners; three or more are a polygon.
      const bool corners = adjacent(i) && !adjacent(i + 1) && (i == 0 || !adjacent(i - 1));
      if (corners) {
        collector.corner_pair(groups[i], groups[i + 1], label, range.begin);
        ++i;
      } else if (groups[i].groups.empty()) {
        collector.numbers(groups[i], label, range.begin);
      } else {
        collector.groups(groups[i].groups, label, range.begin);
      }
      previous_end = range.begin + groups[i].end;
    }
  }
}

bool is_detection(const Json& value) {
  return first_member(value, kBoxKeys) != nullptr || first_member(value, kPointKeys) != nullptr;
}

// [a,b,c,d], a list of such rows, or text that holds them.
void read_coordinates(const Json& value, const std::string& label, Range range,
                      Collector& collector) {
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    std::vector<NumberGroup> groups = find_number_groups(text);
    if (groups.empty()) groups = find_number_groups("[" + text + "]");
    for (NumberGroup& group : groups) {
      if (group.numbers.size() != 4) return collector.reject(range);
      const std::vector<double>& v = group.numbers;
      collector.box({v[0], v[1], v[2], v[3]}, label, range);
    }
    if (groups.empty()) collector.reject(range);
    return;
  }
  if (!value.is_array() || value.empty()) return collector.reject(range);
  if (value.front().is_array()) {
    for (const Json& row : value) read_coordinates(row, label, range, collector);
    return;
  }
  const bool numeric = std::ranges::all_of(value, [](const Json& v) { return v.is_number(); });
  if (!numeric || value.size() != 4) return collector.reject(range);
  collector.box({value[0].get<double>(), value[1].get<double>(), value[2].get<double>(),
                 value[3].get<double>()},
                label, range);
}

void read_detection(const Json& value, Range range, Collector& collector) {
  const std::string label = json_label(value);
  if (const Json* box = first_member(value, kBoxKeys)) {
    // Boxes in space have no place in the picture's plane; they stay in the answer's text.
    if (!value.contains("bbox_3d")) read_coordinates(*box, label, range, collector);
  } else if (const Json* point = first_member(value, kPointKeys)) {
    if (point->is_array() && point->size() == 2 && point->at(0).is_number() &&
        point->at(1).is_number()) {
      collector.point(point->at(0).get<double>(), point->at(1).get<double>(), label, range);
    } else {
      collector.reject(range);
    }
  }
}

void read_json(std::string_view text, const std::vector<Range>& ranges, Collector& collector) {
  for (const FoundJson& found : find_json(text, ranges, is_detection)) {
    for_each_wanted(found.value, is_detection,
                    [&](const Json& object) { read_detection(object, found.range, collector); });
  }
}

}  // namespace

Grounding parse_grounding(std::string_view answer, int64_t width, int64_t height) {
  Collector collector(std::max<int64_t>(width, 0), std::max<int64_t>(height, 0));
  const std::vector<Range> ranges = marked_ranges(answer);
  collector.out.from_json = std::ranges::any_of(ranges, [&](const Range& range) {
    return has_quoted_key(answer.substr(range.begin, range.end - range.begin), kJsonKeys);
  });
  if (collector.out.from_json) {
    read_json(answer, ranges, collector);
  } else {
    read_plain(answer, ranges, collector);
  }
  return std::move(collector.out);
}

}  // namespace glmv::parsers
