#include "glmv/parsers/polygons.h"

#include <algorithm>

#include "glmv/parsers/answer_json.h"
#include "glmv/parsers/coordinates.h"
#include "glmv/parsers/marked_text.h"

namespace glmv::parsers {
namespace {

constexpr double kScale = 1000.0;
constexpr size_t kLeastPoints = 3;
constexpr std::string_view kPolygonKeys[] = {"polygon", "polygon_2d", "points", "vertices",
                                             "segmentation"};

class Collector {
 public:
  Collector(int64_t width, int64_t height)
      : width_(static_cast<double>(width)), height_(static_cast<double>(height)) {}

  // Pairs of coordinates; fewer than three are no polygon.
  void add(const std::vector<double>& numbers, const std::string& label, TextRange range) {
    if (numbers.size() < 2 * kLeastPoints || numbers.size() % 2 != 0) return;
    GroundedPolygon polygon{.label = label, .labelled = !label.empty()};
    if (!polygon.labelled) polygon.label = std::to_string(++num_unnamed_);
    polygon.begin = range.begin;
    polygon.end = range.end;
    for (size_t i = 0; i < numbers.size(); i += 2) {
      out.largest = std::max({out.largest, numbers[i], numbers[i + 1]});
      PolygonPoint point{.x = std::clamp(numbers[i], 0.0, kScale),
                         .y = std::clamp(numbers[i + 1], 0.0, kScale)};
      polygon.clamped |= point.x != numbers[i] || point.y != numbers[i + 1];
      point.px = point.x / kScale * width_;
      point.py = point.y / kScale * height_;
      polygon.points.push_back(point);
    }
    out.polygons.push_back(std::move(polygon));
  }

  PolygonAnswer out;

 private:
  double width_, height_;
  int num_unnamed_ = 0;
};

bool is_pair(const NumberGroup& group) { return group.numbers.size() == 2; }

// The coordinates of groups [begin, end), all of them pairs.
std::vector<double> joined(const std::vector<NumberGroup>& groups, size_t begin, size_t end) {
  std::vector<double> numbers;
  for (size_t i = begin; i < end; ++i) {
    numbers.insert(numbers.end(), groups[i].numbers.begin(), groups[i].numbers.end());
  }
  return numbers;
}

void read_group(const NumberGroup& group, const std::string& label, size_t offset,
                Collector& collector) {
  const TextRange range{offset + group.begin, offset + group.end};
  if (group.groups.empty()) return collector.add(group.numbers, label, range);
  if (std::ranges::all_of(group.groups, is_pair)) {
    return collector.add(joined(group.groups, 0, group.groups.size()), label, range);
  }
  for (const NumberGroup& inner : group.groups) read_group(inner, label, offset, collector);
}

// Between two points of one polygon may stand white space and one comma or semicolon.
bool only_separator(std::string_view between) {
  int num_marks = 0;
  for (const char c : between) {
    if (c == ',' || c == ';') {
      ++num_marks;
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      return false;
    }
  }
  return num_marks <= 1;
}

void read_plain(std::string_view text, const std::vector<TextRange>& ranges, Collector& collector) {
  size_t previous_end = 0;
  for (const TextRange& range : ranges) {
    const std::string_view part = text.substr(range.begin, range.end - range.begin);
    const std::vector<NumberGroup> groups = find_number_groups(part);
    for (size_t i = 0; i < groups.size();) {
      const size_t first = i++;
      const std::string label =
          label_in_front(text, previous_end, range.begin + groups[first].begin);
      if (is_pair(groups[first])) {
        while (i < groups.size() && is_pair(groups[i]) &&
               only_separator(part.substr(groups[i - 1].end, groups[i].begin - groups[i - 1].end)))
          ++i;
        collector.add(joined(groups, first, i), label,
                      {range.begin + groups[first].begin, range.begin + groups[i - 1].end});
      } else {
        read_group(groups[first], label, range.begin, collector);
      }
      previous_end = range.begin + groups[i - 1].end;
    }
  }
}

// [x, y, x, y, ...], [[x, y], ...], [{"x": 1, "y": 2}, ...] or a list of the first two.
void read_coordinates(const Json& value, const std::string& label, TextRange range,
                      Collector& collector) {
  if (!value.is_array() || value.empty()) return;
  std::vector<double> numbers;
  for (const Json& item : value) {
    if (item.is_number()) {
      numbers.push_back(item.get<double>());
    } else if (item.is_array() && item.size() == 2 && item[0].is_number() && item[1].is_number()) {
      numbers.insert(numbers.end(), {item[0].get<double>(), item[1].get<double>()});
    } else if (item.is_object() && item.contains("x") && item.contains("y") &&
               item["x"].is_number() && item["y"].is_number()) {
      numbers.insert(numbers.end(), {item["x"].get<double>(), item["y"].get<double>()});
    } else if (item.is_array()) {
      read_coordinates(item, label, range, collector);
    }
  }
  collector.add(numbers, label, range);
}

bool is_polygon(const Json& object) { return first_member(object, kPolygonKeys) != nullptr; }

}  // namespace

PolygonAnswer parse_polygons(std::string_view answer, int64_t width, int64_t height) {
  Collector collector(std::max<int64_t>(width, 0), std::max<int64_t>(height, 0));
  const std::vector<TextRange> ranges = marked_ranges(answer);
  const bool json = std::ranges::any_of(ranges, [&](const TextRange& range) {
    return has_quoted_key(answer.substr(range.begin, range.end - range.begin), kPolygonKeys);
  });
  if (!json) {
    read_plain(answer, ranges, collector);
    return std::move(collector.out);
  }
  for (const FoundJson& found : find_json(answer, ranges, is_polygon)) {
    for_each_wanted(found.value, is_polygon, [&](const Json& object) {
      read_coordinates(*first_member(object, kPolygonKeys), json_label(object), found.range,
                       collector);
    });
  }
  return std::move(collector.out);
}

}  // namespace glmv::parsers
