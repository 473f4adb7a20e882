#pragma once
// Names for the full cache blocks of a sequence, so that another with the same beginning finds
// them, in this process, another, or another machine. Private to this folder; no tensor types.
//
//   h_0 = H("glmv-prefix-1", model, numerics, block tokens, salt)      texts framed by their
//   lengths h_i = H(h_{i-1}, token ids of block i (u32), number of media in it (u32),
//           for each of them in order: its digest, first token of it - first token of the block
//           (i64))
//
// H is SHA-256, numbers are little-endian. A medium lies in all blocks from its first to its last
// token (of a video: with the texts between its pictures). Positions are a function of ids, of
// which tokens stand for media, and of the grids in the digests, so they are part of a name without
// being in it; where a caller gives others, their hash is added to the salt. docs/server.md has the
// same.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/sha256.h"
#include "glmv/processing/model_input.h"

namespace glmv::runtime {

// What all requests of an engine share.
struct PrefixRoot {
  Digest model;          // of the weights and the config
  std::string numerics;  // how they are computed with and stored: "bfloat16/int8"
  int64_t block_tokens = 0;
  int64_t merge = 1;  // so many patches a side make one token

  // h_0 of a request. `input` has its positions.
  Digest key(const processing::ModelInput& input, std::string_view salt) const;
};

// Of an encoded medium; requests with another salt do not find it.
Digest encoded_medium_key(const Digest& medium, std::string_view salt);
// The same among all models.
Digest encoded_medium_file_key(const PrefixRoot& root, const Digest& encoded_medium);

class PrefixKeys {
 public:
  // Every medium of `input` has its digest.
  PrefixKeys(const PrefixRoot& root, const processing::ModelInput& input, std::string_view salt);

  // Names of the full blocks of `tokens`: the prompt of the input given above, then generated ones.
  // The same tokens must come first at every call.
  std::span<const Digest> extend(std::span<const int32_t> tokens);
  // h_0, and the name before the i-th.
  const Digest& parent(size_t i) const { return i == 0 ? root_ : keys_[i - 1]; }

 private:
  struct MediumSpan {
    Digest digest;
    int64_t first, last;  // tokens of the prompt
  };

  size_t block_tokens_;
  Digest root_;
  std::vector<MediumSpan> media_;
  std::vector<Digest> keys_;
};

}  // namespace glmv::runtime
