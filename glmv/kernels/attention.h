#pragma once
// Attention of blocks of queries over packed keys and values of one head, flash style: scores and
// probabilities of a block of queries never leave the caches. fp32 sums and softmax. By tiles (AMX)
// and by pairs of bf16, probabilities are rounded to bf16 as in ATen's kernel; by vectors of fp32
// nothing is.

#include <cstddef>
#include <cstdint>

namespace glmv::kernels {

inline constexpr int64_t kMaxHeadDim = 256;  // of all attention kernels
inline constexpr int64_t kKeysPacked = 128;  // packing begins and ends at multiples of so many keys

// Rows [num_keys, head_dim], `ld` elements apart -> packed, of which what belongs to the keys
// [begin, end) is written; begin is a multiple of kKeysPacked, and so is end unless it is num_keys.
using PackHead = void (*)(const void* rows, int64_t ld, int64_t begin, int64_t end,
                          int64_t head_dim, std::byte* packed);

struct AttendedQueries {
  const void* q = nullptr;  // [num_queries, head_dim], rows `ldq` elements apart
  int64_t ldq = 0;
  int64_t num_queries = 0;            // 1 to queries_at_once
  const std::byte* keys = nullptr;    // packed
  const std::byte* values = nullptr;  // packed
  int64_t head_dim = 0;               // even, at most kMaxHeadDim
  int64_t num_keys = 0;               // that the last query sees, at least num_queries with causal
  bool causal = false;                // query i sees num_keys - (num_queries - 1 - i) keys
  float scale = 1;
  void* out = nullptr;  // [num_queries, head_dim], rows `ldo` elements apart
  int64_t ldo = 0;
};
using AttendQueries = void (*)(const AttendedQueries& queries);

// One implementation for elements (rows, q, out) of one type, bf16 or fp32.
struct FlashAttention {
  PackHead pack_keys;
  PackHead pack_values;
  AttendQueries attend;
  int64_t queries_at_once;
  int64_t packed_element_bytes;

  // Bytes of the packed keys, or values, of one head; they begin with a cache line.
  int64_t packed_bytes(int64_t num_keys, int64_t head_dim) const {
    const int64_t keys = (num_keys + kKeysPacked - 1) / kKeysPacked * kKeysPacked;
    return keys * ((head_dim + 31) / 32 * 32) * packed_element_bytes;
  }
};

}  // namespace glmv::kernels
