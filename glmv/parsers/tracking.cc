#include "glmv/parsers/tracking.h"

#include <algorithm>
#include <optional>
#include <string>

#include "glmv/parsers/answer_json.h"
#include "glmv/parsers/relaxed_json.h"
#include "glmv/parsers/white_space.h"
#include "glmv/parsers/written_time.h"

namespace glmv::parsers {
namespace {

constexpr std::string_view kTimeKeys[] = {"time", "timestamp", "second", "time_s", "t"};
constexpr std::string_view kBoxKeys[] = {"bbox_2d", "box_2d", "bbox"};
constexpr size_t kMostMoments = 100'000;

struct Entry {
  double time_s;
  std::string boxes;  // text for parse_grounding
};

struct Table {
  std::vector<Entry> entries;
  TextRange range;
  bool complete = false;
};

std::optional<double> time_of(const Json& value) {
  if (value.is_number()) {
    const double seconds = value.get<double>();
    return seconds >= 0 && seconds < 1e7 ? std::optional(seconds) : std::nullopt;
  }
  return value.is_string() ? parse_whole_time(value.get<std::string>()) : std::nullopt;
}

void skip_blank(std::string_view text, size_t& pos) {
  pos += skip_white_space(text.substr(std::min(pos, text.size())));
}

bool take(std::string_view text, size_t& pos, char c) {
  skip_blank(text, pos);
  if (pos >= text.size() || text[pos] != c) return false;
  ++pos;
  return true;
}

// The table that opens at text[pos], member by member, so that what is cut off costs no more than
// itself. nullopt: a key is no time.
std::optional<Table> read_table(std::string_view text, size_t pos) {
  Table table{.range = {pos, pos}};
  ++pos;
  while (table.entries.size() < kMostMoments) {
    skip_blank(text, pos);
    if (take(text, pos, '}')) {
      table.complete = true;
      break;
    }
    const bool quoted = pos < text.size() && (text[pos] == '"' || text[pos] == '\'');
    std::optional<Json> key = quoted || (pos < text.size() && text[pos] >= '0' && text[pos] <= '9')
                                  ? parse_relaxed_json(text, pos)
                                  : std::nullopt;
    if (!key) break;
    const std::optional<double> time = time_of(*key);
    if (!time) return std::nullopt;
    if (!take(text, pos, ':')) break;
    skip_blank(text, pos);
    const size_t begin = pos;
    const std::optional<Json> value = parse_relaxed_json(text, pos);
    if (!value) {
      table.entries.push_back({*time, std::string(text.substr(begin))});
      pos = text.size();
      break;
    }
    table.entries.push_back({*time, std::string(text.substr(begin, pos - begin))});
    take(text, pos, ',');
  }
  table.range.end = pos;
  return table.entries.empty() ? std::nullopt : std::optional(std::move(table));
}

std::optional<Table> find_table(std::string_view text, const std::vector<TextRange>& ranges) {
  std::optional<Table> best;
  for (const TextRange& range : ranges) {
    const std::string_view part = text.substr(0, range.end);
    for (size_t pos = part.find('{', range.begin); pos != std::string_view::npos;
         pos = part.find('{', pos)) {
      std::optional<Table> table = read_table(part, pos);
      if (!table) {
        ++pos;
        continue;
      }
      pos = std::max(table->range.end, pos + 1);
      if (!best || table->complete || !best->complete) best = std::move(table);
    }
  }
  return best;
}

class Collector {
 public:
  Collector(int64_t width, int64_t height) : width_(width), height_(height) {}

  void add(double time_s, std::string_view boxes, TextRange range) {
    Grounding got = parse_grounding(boxes, width_, height_);
    out.largest = std::max(out.largest, got.largest);
    for (GroundedBox& box : got.boxes) {
      box.begin = range.begin;
      box.end = range.end;
    }
    out.moments.push_back({time_s, std::move(got.boxes)});
  }

  TrackingAnswer finish() {
    std::ranges::stable_sort(out.moments, {}, &TrackedMoment::time_s);
    std::vector<TrackedMoment> merged;
    for (TrackedMoment& moment : out.moments) {
      if (merged.empty() || merged.back().time_s != moment.time_s) {
        merged.push_back(std::move(moment));
      } else {
        std::ranges::move(moment.boxes, std::back_inserter(merged.back().boxes));
      }
    }
    out.moments = std::move(merged);
    return std::move(out);
  }

  TrackingAnswer out;

 private:
  int64_t width_, height_;
};

bool is_timed_box(const Json& object) {
  const Json* const time = first_member(object, kTimeKeys);
  return time != nullptr && time_of(*time) && first_member(object, kBoxKeys) != nullptr;
}

}  // namespace

TrackingAnswer parse_tracking(std::string_view answer, int64_t width, int64_t height) {
  Collector collector(width, height);
  const std::vector<TextRange> ranges = marked_ranges(answer);
  if (const std::optional<Table> table = find_table(answer, ranges)) {
    for (const Entry& entry : table->entries) {
      collector.add(entry.time_s, entry.boxes, table->range);
    }
    collector.out.truncated = !table->complete;
    return collector.finish();
  }
  for (const FoundJson& found : find_json(answer, ranges, is_timed_box)) {
    for_each_wanted(found.value, is_timed_box, [&](const Json& object) {
      collector.add(*time_of(*first_member(object, kTimeKeys)), object.dump(), found.range);
    });
  }
  return collector.finish();
}

}  // namespace glmv::parsers
