#pragma once
// Names for the full cache blocks of a sequence, so that another with the same beginning finds them.
// A name covers all tokens up to the end of its block: their ids, their positions and, where they
// are part of a picture, the picture's patches. Private to this folder; no tensor types.

#include <cstdint>
#include <span>
#include <vector>

#include "glmv/model/kv/prefix_key.h"
#include "glmv/processing/model_input.h"

namespace glmv::runtime {

class PrefixKeys {
 public:
  // Reads the patches now: they may go once their picture is encoded. `merge` patches a side make
  // one token.
  PrefixKeys(const processing::ModelInput& input, int64_t merge, int64_t block_tokens);

  // Names of the full blocks of `tokens`: the prompt of the input given above, then generated ones.
  // The same tokens must come first at every call.
  std::span<const model::BlockKey> extend(const processing::ModelInput& input,
                                          std::span<const int32_t> tokens);

 private:
  struct Picture {
    model::BlockKey hash;
    int64_t num_tokens;
  };

  int64_t block_tokens_;
  std::vector<Picture> pictures_;
  model::PrefixHasher hasher_;
  size_t num_hashed_ = 0;   // tokens
  size_t picture_ = 0;      // of the next picture token
  int64_t num_of_picture_ = 0;
  std::vector<model::BlockKey> keys_;
};

}  // namespace glmv::runtime
