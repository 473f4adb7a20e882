#pragma once
// Guesses of what comes next, for speculative decoding: answers repeat their prompt and themselves
// (quotes, tables, code, lists of boxes).

#include <cstdint>
#include <span>
#include <vector>

namespace glmv::runtime {

// At most `most` tokens that followed the last three (or else two) of `tokens` where these stood
// before, at their latest earlier place; empty when they did not.
std::vector<int32_t> look_up_next(std::span<const int32_t> tokens, int64_t most);

}  // namespace glmv::runtime
