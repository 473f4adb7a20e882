#pragma once
// attention.h by vectors: both products of a block of queries with 128 keys at a time are panel
// products (panel-inl.h), with the operands of `Op`.
//   keys packed:   panels of kPanel keys, each [words of head_dim][kPanel keys]
//   values packed: blocks of kKeysPacked keys, each in panels of kPanel outputs (the last may be
//                  narrower, of whole vectors), [words of keys][outputs]
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "glmv/kernels/attention.h"
#include "glmv/kernels/impl/panel-inl.h"

namespace glmv::kernels {
namespace {

template <class Op, class T>
struct Flash {
  using V = typename Op::Lanes;
  using Float = typename V::Float;
  static constexpr int kLanes = V::kLanes;
  static constexpr int kRows = Op::kRows;
  static constexpr int kPanel = Op::kVectors * kLanes;
  static constexpr int64_t kQueries = 96;  // a multiple of kRows
  // Distances of rows, in floats: one cache line more than a power of two, so that the rows of a
  // tile do not share sets of the first-level cache.
  static constexpr int kLdq = kMaxHeadDim / Op::kElements + 16;
  static constexpr int kLds = kKeysPacked + 16;
  static constexpr int kLdo = kMaxHeadDim + 16;
  static constexpr float kNothing = -std::numeric_limits<float>::infinity();

  static int64_t num_words(int64_t head_dim) {
    return (head_dim + Op::kElements - 1) / Op::kElements;
  }
  static int64_t padded_dim(int64_t head_dim) { return (head_dim + kLanes - 1) / kLanes * kLanes; }

  static void pack_keys(const void* rows_in, int64_t ld, int64_t begin, int64_t end,
                        int64_t head_dim, std::byte* packed) {
    const T* rows = static_cast<const T*>(rows_in);
    const int64_t words = num_words(head_dim);
    constexpr int kWidth = kLanes * Op::kElements;  // elements of a vector
    for (int64_t first = begin; first < end; first += kLanes) {
      float* panel =
          reinterpret_cast<float*>(packed) + first / kPanel * kPanel * words + first % kPanel;
      for (int64_t w = 0; w < words; w += kLanes) {
        Float in[kLanes], out[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          const T* row = rows + (first + i) * ld + w * Op::kElements;
          in[i] = first + i < end
                      ? Op::words(row, std::min<int64_t>(kWidth, head_dim - w * Op::kElements))
                      : V::zero();
        }
        V::transpose(in, out);
        for (int64_t i = 0; i < std::min<int64_t>(kLanes, words - w); ++i) {
          V::store(panel + (w + i) * kPanel, out[i]);
        }
      }
    }
    // The vectors of the last panel that no key has begun.
    for (int64_t first = (end + kLanes - 1) / kLanes * kLanes; first % kPanel != 0;
         first += kLanes) {
      float* panel =
          reinterpret_cast<float*>(packed) + first / kPanel * kPanel * words + first % kPanel;
      for (int64_t w = 0; w < words; ++w) V::store(panel + w * kPanel, V::zero());
    }
  }

  static float* value_panel(std::byte* packed, int64_t first_key, int64_t e, int64_t head_dim) {
    return reinterpret_cast<float*>(packed) + first_key / Op::kElements * padded_dim(head_dim) +
           e * (kKeysPacked / Op::kElements);
  }

  static void pack_values(const void* rows_in, int64_t ld, int64_t begin, int64_t end,
                          int64_t head_dim, std::byte* packed) {
    const T* rows = static_cast<const T*>(rows_in);
    const int64_t padded = padded_dim(head_dim);
    for (int64_t first = begin; first < end; first += kKeysPacked) {
      const int64_t n = std::min(kKeysPacked, end - first);
      for (int64_t e = 0; e < padded; e += kPanel) {
        float* to = value_panel(packed, first, e, head_dim);
        const int64_t width = std::min<int64_t>(kPanel, padded - e);
        for (int64_t key = first; key < first + n; key += Op::kElements) {
          for (int64_t i = e; i < e + width; i += kLanes, to += kLanes) {
            const T* row = rows + key * ld + i;
            V::store(to, Op::pair(row, key + 1 < end ? row + ld : nullptr,
                                  std::min<int64_t>(kLanes, head_dim - i)));
          }
        }
      }
    }
  }

  static void attend(const AttendedQueries& queries) {
    Flash block(queries);
    block.run();
  }

  explicit Flash(const AttendedQueries& queries)
      : in(queries),
        dim(queries.head_dim),
        padded(padded_dim(queries.head_dim)),
        words(num_words(queries.head_dim)),
        tiles((queries.num_queries + kRows - 1) / kRows) {
    const T* rows = static_cast<const T*>(in.q);
    constexpr int kWidth = kLanes * Op::kElements;
    for (int64_t r = 0; r < tiles * kRows; ++r) {
      for (int64_t w = 0; w < words; w += kLanes) {
        const int64_t e = w * Op::kElements;
        V::store(q + r * kLdq + w,
                 r < in.num_queries
                     ? Op::words(rows + r * in.ldq + e, std::min<int64_t>(kWidth, dim - e))
                     : V::zero());
      }
      for (int64_t e = 0; e < padded; e += kLanes) V::store(out + r * kLdo + e, V::zero());
      largest[r] = kNothing;
      V::store(total + r * kLanes, V::zero());
    }
  }

  void run() {
    for (int64_t first = 0; first < in.num_keys; first += kKeysPacked) {
      scores(first);
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t n = keys_of_tile(t, first);
        if (n == 0) continue;
        for (int64_t r = t * kRows; r < (t + 1) * kRows; ++r) softmax(r, first, n);
      }
      add_values(first);
    }
    write();
  }

  // Keys [first, ...) that row r sees; rows that do not exist see all.
  int64_t visible(int64_t r, int64_t first) const {
    const int64_t hidden = in.causal ? std::max<int64_t>(0, in.num_queries - 1 - r) : 0;
    return std::clamp<int64_t>(in.num_keys - hidden - first, 0, kKeysPacked);
  }
  // That its last row sees.
  int64_t keys_of_tile(int64_t t, int64_t first) const {
    return visible((t + 1) * kRows - 1, first);
  }

  void scores(int64_t first) {
    const int64_t n = std::min(kKeysPacked, in.num_keys - first);
    const float* keys = reinterpret_cast<const float*>(in.keys) + first * words;
    for (int64_t k = 0; k < n; k += kPanel) {
      for (int64_t t = 0; t < tiles; ++t) {
        if (keys_of_tile(t, first) <= k) continue;
        multiply_panel<Op, kRows, Op::kVectors, kLdq, kLds, false>(
            q + t * kRows * kLdq, keys + k * words, words, score + t * kRows * kLds + k);
      }
    }
  }

  // Scores of the first n keys of the block to probabilities, relative to the largest score so far:
  // what was summed before is scaled down when a larger one comes.
  void softmax(int64_t r, int64_t first, int64_t n) {
    float* row = score + r * kLds;
    const int64_t end = (n + kLanes - 1) / kLanes * kLanes;
    std::fill(row + std::min(n, visible(r, first)), row + end, kNothing);
    Float most = V::load(row);
    for (int64_t k = kLanes; k < end; k += kLanes) most = V::max(V::load(row + k), most);
    const float factor = in.scale * kLog2E;
    // A positive scale keeps the order.
    const float next = std::max(largest[r], V::largest(most) * factor);
    if (next > largest[r]) {
      rescale(r, largest[r] == kNothing ? 0.0f : std::exp2(largest[r] - next));
      largest[r] = next;
    }
    // A row that has seen nothing yet: all its probabilities are 0.
    const Float shift = V::set(next == kNothing ? 0.0f : -next);
    const Float scale = V::set(factor);
    Float sum = V::load(total + r * kLanes);
    for (int64_t k = 0; k < end; k += kLanes) {
      const Float p = V::exp2(V::mul_add(V::load(row + k), scale, shift));
      sum = V::add(sum, p);
      Op::put(row, k, p);
    }
    V::store(total + r * kLanes, sum);
  }

  void rescale(int64_t r, float by) {
    const Float factor = V::set(by);
    V::store(total + r * kLanes, V::mul(V::load(total + r * kLanes), factor));
    for (int64_t e = 0; e < padded; e += kLanes) {
      V::store(out + r * kLdo + e, V::mul(V::load(out + r * kLdo + e), factor));
    }
  }

  void add_values(int64_t first) {
    for (int64_t e = 0; e < padded; e += kPanel) {
      const float* values = value_panel(const_cast<std::byte*>(in.values), first, e, dim);
      const bool whole = padded - e >= kPanel;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t depth = (keys_of_tile(t, first) + Op::kElements - 1) / Op::kElements;
        const float* p = score + t * kRows * kLds;
        float* to = out + t * kRows * kLdo + e;
        if (whole) {
          multiply_panel<Op, kRows, Op::kVectors, kLds, kLdo, true>(p, values, depth, to);
        } else {
          multiply_panel<Op, kRows, 1, kLds, kLdo, true>(p, values, depth, to);
        }
      }
    }
  }

  void write() const {
    T* to = static_cast<T*>(in.out);
    for (int64_t r = 0; r < in.num_queries; ++r) {
      const Float factor = V::set(1.0f / V::sum(V::load(total + r * kLanes)));
      for (int64_t e = 0; e < dim; e += kLanes) {
        V::store(to + r * in.ldo + e, V::mul(V::load(out + r * kLdo + e), factor),
                 std::min<int64_t>(kLanes, dim - e));
      }
    }
  }

  const AttendedQueries& in;
  const int64_t dim;
  const int64_t padded;
  const int64_t words;
  const int64_t tiles;
  alignas(64) float q[kQueries * kLdq];
  alignas(64) float score[kQueries * kLds];    // then probabilities, as operands
  alignas(64) float out[kQueries * kLdo];      // not yet divided
  alignas(64) float total[kQueries * kLanes];  // sums of probabilities, lane by lane
  float largest[kQueries];                     // scores times scale, to base 2
};

template <class Op, class T>
constexpr FlashAttention kFlash = {Flash<Op, T>::pack_keys, Flash<Op, T>::pack_values,
                                   Flash<Op, T>::attend, Flash<Op, T>::kQueries, 4 / Op::kElements};

}  // namespace
}  // namespace glmv::kernels
