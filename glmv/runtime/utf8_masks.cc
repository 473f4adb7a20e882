#include "glmv/runtime/utf8_masks.h"

#include <algorithm>

namespace glmv::runtime {
namespace {

// What may come in a state, and the state behind it (table 3-7 of the Unicode standard).
struct Continuation {
  uint8_t first, last;
  int next;
};
enum : int { kOneMore = 1, kTwoMore, kThreeMore, kAfterE0, kAfterEd, kAfterF0, kAfterF4 };
constexpr Continuation kContinuations[Utf8Masks::kNumStates] = {
    {0x00, 0x7f, Utf8Masks::kWhole}, {0x80, 0xbf, Utf8Masks::kWhole}, {0x80, 0xbf, kOneMore},
    {0x80, 0xbf, kTwoMore},          {0xa0, 0xbf, kOneMore},          {0x80, 0x9f, kOneMore},
    {0x90, 0xbf, kTwoMore},          {0x80, 0x8f, kTwoMore}};

int next_of_byte(int state, uint8_t byte) {
  const Continuation& c = kContinuations[state];
  if (byte >= c.first && byte <= c.last) return c.next;
  if (state != Utf8Masks::kWhole || byte < 0xc2 || byte > 0xf4) return Utf8Masks::kInvalid;
  if (byte < 0xe0) return kOneMore;
  if (byte == 0xe0) return kAfterE0;
  if (byte == 0xed) return kAfterEd;
  if (byte < 0xf0) return kTwoMore;
  if (byte == 0xf0) return kAfterF0;
  return byte == 0xf4 ? kAfterF4 : kThreeMore;
}

}  // namespace

int Utf8Masks::next(int state, std::string_view text) {
  for (const char c : text) {
    if (state == kInvalid) break;
    state = next_of_byte(state, static_cast<uint8_t>(c));
  }
  return state;
}

Utf8Masks::Utf8Masks(std::span<const std::string_view> texts, std::span<const int32_t> apart) {
  for (int state = 0; state < kNumStates; ++state) {
    std::vector<uint32_t>& mask = masks_[state];
    mask.assign((texts.size() + 31) / 32, 0);
    for (size_t id = 0; id < texts.size(); ++id) {
      if (next(state, texts[id]) != kInvalid) mask[id / 32] |= uint32_t{1} << (id % 32);
    }
    for (const int32_t id : apart) {
      const uint32_t bit = uint32_t{1} << (id % 32);
      if (state == kWhole) {
        mask[id / 32] |= bit;
      } else {
        mask[id / 32] &= ~bit;
      }
    }
  }
}

}  // namespace glmv::runtime
