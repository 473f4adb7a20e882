#include "glmv/runtime/prefix_keys.h"

#include "glmv/base/check.h"

namespace glmv::runtime {
namespace {

uint64_t pair_of(int64_t a, int64_t b) {
  return static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b);
}

}  // namespace

PrefixKeys::PrefixKeys(const processing::ModelInput& input, int64_t merge, int64_t block_tokens)
    : block_tokens_(block_tokens) {
  for (const processing::Medium& medium : input.media) {
    model::PrefixHasher hasher;
    hasher.add(pair_of(medium.grid.t, medium.grid.h));
    hasher.add(static_cast<uint64_t>(medium.grid.w));
    hasher.add(std::as_bytes(std::span(medium.patches)));
    pictures_.push_back({hasher.key(), medium.grid.num_patches() / (merge * merge)});
  }
}

std::span<const model::BlockKey> PrefixKeys::extend(const processing::ModelInput& input,
                                                    std::span<const int32_t> tokens) {
  for (; num_hashed_ < tokens.size(); ++num_hashed_) {
    const size_t i = num_hashed_;
    if (i < input.input_ids.size()) {
      hasher_.add(pair_of(tokens[i], input.position_ids[0][i]));
      hasher_.add(pair_of(input.position_ids[1][i], input.position_ids[2][i]));
      if (input.mm_token_types[i] != 0) {
        while (picture_ < pictures_.size() && num_of_picture_ == pictures_[picture_].num_tokens) {
          ++picture_;
          num_of_picture_ = 0;
        }
        GLMV_CHECK(picture_ < pictures_.size(), "more picture tokens than pictures give");
        hasher_.add(pictures_[picture_].hash.low);
        hasher_.add(pictures_[picture_].hash.high);
        ++num_of_picture_;
      }
    } else {
      const int64_t position = static_cast<int64_t>(i) + input.rope_delta;
      hasher_.add(pair_of(tokens[i], position));
      hasher_.add(pair_of(position, position));
    }
    if ((i + 1) % static_cast<size_t>(block_tokens_) == 0) keys_.push_back(hasher_.key());
  }
  return keys_;
}

}  // namespace glmv::runtime
