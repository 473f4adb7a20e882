#pragma once
// Keeps an output valid UTF-8, whatever a grammar says of bytes: which tokens may follow where the
// last character is not complete. Grammars count code points and let halves of surrogate pairs
// through, or bytes that no character has.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace glmv::runtime {

class Utf8Masks {
 public:
  // Behind a whole character; the others are inside of one.
  static constexpr int kWhole = 0;
  static constexpr int kNumStates = 8;
  static constexpr int kInvalid = -1;

  // `texts`: bytes of every token. `apart`: tokens without text of their own ("<tool_call>"), which
  // may stand between characters only.
  Utf8Masks(std::span<const std::string_view> texts, std::span<const int32_t> apart);

  // The state behind `text`; kInvalid where it is no beginning of UTF-8.
  static int next(int state, std::string_view text);

  // Bit i % 32 of word i / 32: token i may come in this state.
  std::span<const uint32_t> allowed(int state) const { return masks_[state]; }

 private:
  std::array<std::vector<uint32_t>, kNumStates> masks_;
};

}  // namespace glmv::runtime
