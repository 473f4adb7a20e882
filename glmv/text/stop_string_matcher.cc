#include "glmv/text/stop_string_matcher.h"

#include <algorithm>
#include <utility>

namespace glmv::text {

StopStringMatcher::StopStringMatcher(const std::vector<std::string>& stop_strings,
                                     bool include_stop)
    : include_stop_(include_stop) {
  for (const std::string& text : stop_strings) {
    if (text.empty()) continue;
    Stop stop{text, std::vector<size_t>(text.size() + 1, 0)};
    for (size_t i = 1, k = 0; i < text.size(); ++i) {
      while (k > 0 && text[i] != text[k]) k = stop.failure[k];
      if (text[i] == text[k]) ++k;
      stop.failure[i + 1] = k;
    }
    stops_.push_back(std::move(stop));
  }
}

void StopStringMatcher::advance(Stop& stop, char byte) {
  size_t k = stop.state;
  while (k > 0 && stop.text[k] != byte) k = stop.failure[k];
  if (stop.text[k] == byte) ++k;
  stop.state = k;
}

std::string StopStringMatcher::push(std::string_view text) {
  if (stopped_) return {};
  if (stops_.empty()) return std::string(text);
  held_.reserve(held_.size() + text.size());
  for (const char byte : text) {
    held_ += byte;
    const Stop* match = nullptr;
    for (Stop& stop : stops_) {
      advance(stop, byte);
      const bool complete = stop.state == stop.text.size();
      if (complete && (match == nullptr || stop.text.size() > match->text.size())) match = &stop;
    }
    if (match == nullptr) continue;
    stopped_ = true;
    matched_ = match->text;
    if (!include_stop_) held_.resize(held_.size() - matched_.size());
    return std::exchange(held_, {});
  }
  size_t keep = 0;
  for (const Stop& stop : stops_) keep = std::max(keep, stop.state);
  std::string shown = held_.substr(0, held_.size() - keep);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopStringMatcher::finish() {
  for (Stop& stop : stops_) stop.state = 0;
  return std::exchange(held_, {});
}

}  // namespace glmv::text
