#pragma once
// Attention of blocks of queries over packed keys and values of one head, by tiles (AMX), flash
// style: scores and probabilities of a block of queries never leave the caches. bf16 operands, fp32
// sums and softmax, probabilities rounded to bf16 as in ATen's kernel.

#include <cstdint>

namespace glmv::kernels {

inline constexpr int64_t kMaxHeadDim = 256;  // of all attention kernels
inline constexpr int64_t kQueriesAtOnce = 128;
inline constexpr int64_t kKeyTile = 32;  // keys are packed by so many, those that do not exist 0

// Elements of the packed keys, or values, of `num_keys` of width `head_dim`, a multiple of 32.
inline int64_t packed_head_size(int64_t num_keys, int64_t head_dim) {
  return (num_keys + kKeyTile - 1) / kKeyTile * kKeyTile * head_dim;
}

// Rows [num_keys, head_dim] of bf16, `ld` elements apart -> packed_head_size elements, of which
// those of the keys [begin, end) are written; begin is a multiple of kKeyTile, and so is end unless
// it is num_keys.
using PackHead = void (*)(const uint16_t* rows, int64_t ld, int64_t begin, int64_t end,
                          int64_t head_dim, uint16_t* packed);

struct AttendedQueries {
  const uint16_t* q = nullptr;  // bf16 [num_queries, head_dim], rows `ldq` apart
  int64_t ldq = 0;
  int64_t num_queries = 0;           // 1 to kQueriesAtOnce
  const uint16_t* keys = nullptr;    // packed
  const uint16_t* values = nullptr;  // packed
  int64_t head_dim = 0;              // a multiple of 32, at most kMaxHeadDim
  int64_t num_keys = 0;              // that the last query sees, at least num_queries with causal
  bool causal = false;               // query i sees num_keys - (num_queries - 1 - i) keys
  float scale = 1;
  uint16_t* out = nullptr;  // bf16 [num_queries, head_dim], rows `ldo` apart
  int64_t ldo = 0;
};
using AttendQueries = void (*)(const AttendedQueries& queries);

struct TileAttention {
  PackHead pack_keys;
  PackHead pack_values;
  AttendQueries attend;
};

}  // namespace glmv::kernels
