#include "glmv/parsers/boxes_3d.h"

#include <algorithm>
#include <cmath>

#include "glmv/parsers/answer_json.h"
#include "glmv/parsers/marked_text.h"

namespace glmv::parsers {
namespace {

constexpr std::string_view kKeys[] = {"bbox_3d", "box_3d"};
constexpr size_t kNumNumbers = 9;

bool is_box(const Json& object) { return first_member(object, kKeys) != nullptr; }

class Collector {
 public:
  void read(const Json& value, const std::string& label, TextRange range) {
    if (value.is_array() && !value.empty() && value.front().is_array()) {
      for (const Json& row : value) add(row, label, range);
    } else {
      add(value, label, range);
    }
  }

  Box3dAnswer out;

 private:
  void add(const Json& value, const std::string& label, TextRange range) {
    const bool whole = value.is_array() && value.size() == kNumNumbers &&
                       std::ranges::all_of(value, [](const Json& v) {
                         return v.is_number() && std::isfinite(v.get<double>());
                       });
    if (!whole) {
      out.rejected.push_back({"bad_arity", range.begin, range.end});
      return;
    }
    GroundedBox3d box{.label = label, .labelled = !label.empty()};
    if (!box.labelled) box.label = std::to_string(++num_unnamed_);
    box.begin = range.begin;
    box.end = range.end;
    for (size_t i = 0; i < 3; ++i) {
      box.center[i] = value[i].get<double>();
      box.sizes[i] = value[3 + i].get<double>();
      box.angles[i] = value[6 + i].get<double>();
    }
    out.boxes.push_back(std::move(box));
  }

  int num_unnamed_ = 0;
};

}  // namespace

Box3dAnswer parse_boxes_3d(std::string_view answer) {
  Collector collector;
  const std::vector<TextRange> ranges = marked_ranges(answer);
  for (const FoundJson& found : find_json(answer, ranges, is_box)) {
    for_each_wanted(found.value, is_box, [&](const Json& object) {
      collector.read(*first_member(object, kKeys), json_label(object), found.range);
    });
  }
  return std::move(collector.out);
}

}  // namespace glmv::parsers
