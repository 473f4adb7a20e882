#include "glmv/runtime/loop_detector.h"

#include <algorithm>

#include "glmv/base/utf8.h"

namespace glmv::runtime {
namespace {

// In the order of removal. U+FF0D fullwidth hyphen, U+2588 full block, U+2500 box drawing line.
constexpr std::array<char32_t, 13> kFillers = {
    U'=', U'|', U'-', U'~', U'_', U'#', U'*', U'.', U'%', U'\uFF0D', U'\u2588', U' ', U'\u2500'};
constexpr uint64_t kBase = 0x9e3779b97f4a7c15u;

// Spreads code points over 64 bits; equal windows have equal hashes, others practically never.
uint64_t mix(char32_t c) {
  uint64_t z = (static_cast<uint64_t>(c) + 1) * 0xbf58476d1ce4e5b9u;
  z ^= z >> 29;
  return z * 0x94d049bb133111ebu;
}

constexpr uint64_t power(uint64_t base, size_t exponent) {
  uint64_t result = 1;
  for (size_t i = 0; i < exponent; ++i) result *= base;
  return result;
}
constexpr uint64_t kTopPower = power(kBase, kLoopWindow - 1);

std::u32string without_rules(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out.push_back(text[i]);
    if (text[i] != U'|') continue;
    size_t j = i + 1;
    while (j < text.size() && text[j] == U'-') ++j;
    if (j > i + 1 && j < text.size() && text[j] == U'|') i = j;
  }
  return out;
}

std::u32string without_runs(std::u32string_view text, char32_t filler) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    size_t j = i;
    while (j < text.size() && text[j] == text[i]) ++j;
    if (text[i] != filler || j - i < 3) out.append(text.substr(i, j - i));
    i = j;
  }
  return out;
}

}  // namespace

bool has_loop(std::u32string_view text) {
  std::u32string clean = without_rules(text);
  for (char32_t filler : kFillers) clean = without_runs(clean, filler);
  std::unordered_map<std::u32string_view, int> counts;
  for (size_t i = 0; i + kLoopWindow <= clean.size(); ++i) {
    if (++counts[std::u32string_view(clean).substr(i, kLoopWindow)] >= kLoopCount) return true;
  }
  return false;
}

void LoopTracker::Filter::put(char32_t c, std::u32string& out) {
  if (bar) {
    if (c == U'-') {
      ++num_dashes;
      return;
    }
    const bool rule = c == U'|' && num_dashes > 0;
    // Three stand for any longer run: it is deleted whatever its length.
    const size_t dashes = rule ? 0 : std::min<size_t>(num_dashes, 3);
    bar = false;
    num_dashes = 0;
    put_run(0, U'|', out);
    for (size_t i = 0; i < dashes; ++i) put_run(0, U'-', out);
    if (rule) return;
  }
  if (c == U'|') {
    bar = true;
  } else {
    put_run(0, c, out);
  }
}

void LoopTracker::Filter::put_run(size_t stage, char32_t c, std::u32string& out) {
  if (stage == kFillers.size()) {
    out.push_back(c);
    return;
  }
  uint8_t& held = run[stage];
  if (c == kFillers[stage]) {
    held = std::min<uint8_t>(held + 1, 3);
    return;
  }
  if (held < 3) {
    for (uint8_t i = 0; i < held; ++i) put_run(stage + 1, kFillers[stage], out);
  }
  held = 0;
  put_run(stage + 1, c, out);
}

void LoopTracker::Filter::finish(std::u32string& out) {
  if (bar) {
    put_run(0, U'|', out);
    for (size_t i = 0; i < std::min<size_t>(num_dashes, 3); ++i) put_run(0, U'-', out);
  }
  for (size_t stage = 0; stage < kFillers.size(); ++stage) {
    if (run[stage] >= 3) continue;
    for (uint8_t i = 0; i < run[stage]; ++i) put_run(stage + 1, kFillers[stage], out);
  }
}

LoopTracker::LoopTracker() = default;

bool LoopTracker::push(std::string_view bytes) {
  partial_.append(bytes);
  std::u32string settled;
  size_t pos = 0;
  while (pos < partial_.size()) {
    const DecodedChar decoded = decode_utf8(partial_, pos);
    if (decoded.incomplete) break;
    filter_.put(decoded.code_point, settled);
    pos += static_cast<size_t>(decoded.num_bytes);
  }
  partial_.erase(0, pos);
  for (char32_t c : settled) append(c);
  if (found_) return true;
  Filter copy = filter_;
  std::u32string tail;
  copy.finish(tail);
  return loops_with(tail);
}

void LoopTracker::append(char32_t c) {
  hash_ = hash_ * kBase + mix(c);
  last_.push_back(c);
  if (last_.size() < kLoopWindow) return;
  if (++num_windows_[hash_] >= kLoopCount) found_ = true;
  hash_ -= mix(last_.front()) * kTopPower;
  last_.pop_front();
}

bool LoopTracker::loops_with(const std::u32string& tail) const {
  // The held characters as they would count if the text ended here.
  std::deque<char32_t> last = last_;
  std::unordered_map<uint64_t, int> extra;
  uint64_t hash = hash_;
  for (char32_t c : tail) {
    hash = hash * kBase + mix(c);
    last.push_back(c);
    if (last.size() < kLoopWindow) continue;
    const auto settled = num_windows_.find(hash);
    if ((settled == num_windows_.end() ? 0 : settled->second) + ++extra[hash] >= kLoopCount) {
      return true;
    }
    hash -= mix(last.front()) * kTopPower;
    last.pop_front();
  }
  return false;
}

}  // namespace glmv::runtime
