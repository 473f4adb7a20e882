#include "glmv/runtime/prompt_lookup.h"

#include <algorithm>

namespace glmv::runtime {
namespace {

constexpr int64_t kLongest = 3, kShortest = 2;

}  // namespace

std::vector<int32_t> look_up_next(std::span<const int32_t> tokens, int64_t most) {
  const auto size = static_cast<int64_t>(tokens.size());
  for (int64_t length = kLongest; length >= kShortest; --length) {
    if (size <= length) continue;
    const auto last = tokens.last(length);
    for (int64_t at = size - length - 1; at >= 0; --at) {
      if (!std::ranges::equal(tokens.subspan(at, length), last)) continue;
      const auto next = tokens.subspan(at + length);
      return {next.begin(), next.begin() + std::min<int64_t>(most, std::ssize(next))};
    }
  }
  return {};
}

}  // namespace glmv::runtime
