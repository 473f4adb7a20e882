#include "glmv/runtime/stopping.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>
#include <utility>

#include "glmv/base/check.h"

namespace glmv::runtime {

StopStringMatcher::StopStringMatcher(const std::vector<std::string>& stop_strings) {
  for (const std::string& text : stop_strings) {
    GLMV_CHECK(!text.empty());
    Pattern pattern{text, std::vector<size_t>(text.size(), 0)};
    for (size_t i = 1, border = 0; i < text.size(); ++i) {
      while (border > 0 && text[i] != text[border]) border = pattern.failure[border - 1];
      if (text[i] == text[border]) ++border;
      pattern.failure[i] = border;
    }
    patterns_.push_back(std::move(pattern));
  }
}

std::optional<StopStringMatcher::Match> StopStringMatcher::push(std::string_view bytes) {
  for (char byte : bytes) {
    ++num_bytes_;
    std::optional<Match> match;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      Pattern& p = patterns_[i];
      while (p.matched > 0 && p.text[p.matched] != byte) p.matched = p.failure[p.matched - 1];
      if (p.text[p.matched] == byte) ++p.matched;
      if (p.matched < p.text.size()) continue;
      const int64_t begin = num_bytes_ - static_cast<int64_t>(p.text.size());
      if (!match || begin < match->begin) match = Match{begin, num_bytes_, i};
    }
    if (match) return match;
  }
  return std::nullopt;
}

int64_t StopStringMatcher::num_released() const {
  size_t longest = 0;
  for (const Pattern& pattern : patterns_) longest = std::max(longest, pattern.matched);
  return num_bytes_ - static_cast<int64_t>(longest);
}

Stopping::Stopping(const StopConditions& conditions, std::span<const int32_t> eos_ids,
                   int64_t max_tokens, std::function<std::string(int32_t)> token_bytes)
    : stop_ids_(conditions.stop_token_ids.begin(), conditions.stop_token_ids.end()),
      stop_strings_(conditions.stop_strings),
      include_stop_string_(conditions.include_stop_string),
      min_tokens_(conditions.min_new_tokens),
      max_tokens_(max_tokens),
      token_bytes_(std::move(token_bytes)),
      matcher_(conditions.stop_strings) {
  if (!conditions.ignore_eos) stop_ids_.insert(eos_ids.begin(), eos_ids.end());
}

void Stopping::mask_early_ends(std::span<float> logits) const {
  if (num_tokens_ >= min_tokens_) return;
  // Where a grammar lets nothing but the end follow, it ends.
  const auto others = [&](size_t id) {
    return std::isfinite(logits[id]) && !stop_ids_.contains(static_cast<int32_t>(id));
  };
  if (std::ranges::none_of(std::views::iota(size_t{0}, logits.size()), others)) return;
  for (const int32_t id : stop_ids_) {
    if (id >= 0 && id < std::ssize(logits)) logits[id] = -std::numeric_limits<float>::infinity();
  }
}

Stopping::Verdict Stopping::push(TokenEvent event) {
  GLMV_CHECK(event.token_id.has_value());
  const int32_t id = *event.token_id;
  Verdict verdict;
  ++num_tokens_;
  if (stop_ids_.contains(id)) {
    verdict.released = flush();
    verdict.finish = FinishReason::kStop;
    verdict.stop_token_id = id;
    return verdict;
  }
  if (stop_strings_.empty()) {
    verdict.released.push_back(std::move(event));
  } else {
    const std::string bytes = token_bytes_(id);
    const int64_t begin = num_bytes_;
    num_bytes_ += static_cast<int64_t>(bytes.size());
    held_.push_back({std::move(event), begin, num_bytes_});
    if (const auto match = matcher_.push(bytes)) {
      cut_at(include_stop_string_ ? match->end : match->begin, verdict.released);
      verdict.finish = FinishReason::kStop;
      verdict.stop_string = stop_strings_[match->index];
      return verdict;
    }
    release_until(matcher_.num_released(), verdict.released);
  }
  if (num_tokens_ >= max_tokens_) {
    for (TokenEvent& rest : flush()) verdict.released.push_back(std::move(rest));
    verdict.finish = FinishReason::kLength;
  }
  return verdict;
}

std::vector<TokenEvent> Stopping::flush() {
  std::vector<TokenEvent> events;
  for (Held& held : held_) events.push_back(std::move(held.event));
  held_.clear();
  return events;
}

void Stopping::release_until(int64_t offset, std::vector<TokenEvent>& out) {
  while (!held_.empty() && held_.front().end <= offset) {
    out.push_back(std::move(held_.front().event));
    held_.pop_front();
  }
}

void Stopping::cut_at(int64_t offset, std::vector<TokenEvent>& out) {
  release_until(offset, out);
  if (!held_.empty() && held_.front().begin < offset) {
    held_.front().event.keep_bytes = offset - held_.front().begin;
    out.push_back(std::move(held_.front().event));
  }
  held_.clear();
}

}  // namespace glmv::runtime
