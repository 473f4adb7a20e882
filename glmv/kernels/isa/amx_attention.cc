// attention.h by AMX tiles. Keys are packed as pairs of inputs, [keys / 16][head_dim / 32] tiles of
// 16 pairs of 16 keys; values as pairs of keys, [keys / 32][head_dim / 16] tiles of 16 pairs of 16
// outputs. Both are the right-hand operand of their product. A width that is no multiple of 32 is
// padded with zeros.

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

using V = Avx512Lanes;

constexpr int64_t kTile = 512;        // bf16 elements
constexpr int64_t kKeysAtOnce = 128;  // scores of 32 queries: 16 KiB
constexpr int64_t kRows = 32;
constexpr int64_t kBlocks = 4;
constexpr int64_t kKeyTile = 32;

int64_t padded_dim(int64_t head_dim) { return (head_dim + 31) / 32 * 32; }

// 32 elements of a row that ends after n of them.
__m512i load_words(const uint16_t* p, int64_t n) {
  return _mm512_maskz_loadu_epi16(n >= 32 ? ~0u : (1u << n) - 1, p);
}

void pack_keys(const void* rows_in, int64_t ld, int64_t begin, int64_t end, int64_t head_dim,
               std::byte* packed_bytes) {
  const auto* rows = static_cast<const uint16_t*>(rows_in);
  auto* packed = reinterpret_cast<uint16_t*>(packed_bytes);
  const int64_t dim = padded_dim(head_dim);
  // To the end of the last 32: what does not exist is 0.
  for (int64_t first = begin; first < (end + kKeyTile - 1) / kKeyTile * kKeyTile; first += 16) {
    for (int64_t e = 0; e < dim; e += 32) {
      __m512i in[16], out[16];
      for (int64_t key = 0; key < 16; ++key) {
        in[key] = first + key < end ? load_words(rows + (first + key) * ld + e, head_dim - e)
                                    : _mm512_setzero_si512();
      }
      transpose(in, out);
      uint16_t* tile = packed + first * dim + e / 32 * kTile;
      for (int pair = 0; pair < 16; ++pair) _mm512_storeu_si512(tile + pair * 32, out[pair]);
    }
  }
}

void pack_values(const void* rows_in, int64_t ld, int64_t begin, int64_t end, int64_t head_dim,
                 std::byte* packed_bytes) {
  const auto* rows = static_cast<const uint16_t*>(rows_in);
  auto* packed = reinterpret_cast<uint16_t*>(packed_bytes);
  const int64_t dim = padded_dim(head_dim);
  const __m512i low_half = in_turn(0);
  const __m512i high_half = in_turn(1);
  for (int64_t first = begin; first < end; first += kKeyTile) {
    for (int64_t e = 0; e < dim; e += 32) {
      uint16_t* line = packed + first * dim + e / 16 * kTile;
      for (int64_t key = first; key < first + kKeyTile; key += 2, line += 32) {
        const auto load = [&](int64_t k) {
          return k < end ? load_words(rows + k * ld + e, head_dim - e) : _mm512_setzero_si512();
        };
        const __m512i a = load(key);
        const __m512i b = load(key + 1);
        _mm512_storeu_si512(line, _mm512_permutex2var_epi16(a, low_half, b));
        _mm512_storeu_si512(line + kTile, _mm512_permutex2var_epi16(a, high_half, b));
      }
    }
  }
}

// What is used between two products and needed no longer.
struct Scratch {
  alignas(64) float score[kRows * kKeysAtOnce];
  alignas(64) uint16_t probability[kRows * kKeysAtOnce];  // tiles [2][keys / 32][16][32]
};

// One block of 32 queries, whose keys are taken in passes.
class Block {
 public:
  void begin(const AttendedQueries& queries, Scratch& scratch) {
    in_ = queries;
    dim_ = padded_dim(queries.head_dim);
    steps_ = dim_ / 32;
    keys_ = reinterpret_cast<const uint16_t*>(queries.keys);
    values_ = reinterpret_cast<const uint16_t*>(queries.values);
    score_ = scratch.score;
    probability_ = scratch.probability;
    const auto* rows = static_cast<const uint16_t*>(in_.q);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t s = 0; s < steps_; ++s) {
        _mm512_store_si512(q_ + (r / 16 * steps_ + s) * kTile + r % 16 * 32,
                           r < in_.num_queries
                               ? load_words(rows + r * in_.ldq + s * 32, in_.head_dim - s * 32)
                               : _mm512_setzero_si512());
      }
    }
    std::memset(out_, 0, sizeof(float) * kRows * dim_);
    std::fill(largest_, largest_ + kRows, -INFINITY);
    std::memset(total_, 0, sizeof total_);
  }

  // The keys from `first` on, as many as one pass takes.
  void pass(int64_t first) {
    const int64_t n = std::min(kKeysAtOnce, in_.num_keys - first);
    if (n <= 0) return;
    const int64_t tiles = (n + kKeyTile - 1) / kKeyTile;
    scores(first, tiles);
    softmax(first, tiles * kKeyTile);
    add_values(first, tiles);
  }

  // The probabilities divided by their sum, to `out`.
  void write() const {
    auto* out = static_cast<uint16_t*>(in_.out);
    for (int64_t r = 0; r < in_.num_queries; ++r) {
      const __m512 factor =
          _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(_mm512_load_ps(total_ + r * 16)));
      for (int64_t e = 0; e < in_.head_dim; e += 16) {
        const __m512 value = _mm512_mul_ps(_mm512_load_ps(out_ + r * dim_ + e), factor);
        V::store(out + r * in_.ldo + e, value, std::min<int64_t>(16, in_.head_dim - e));
      }
    }
  }

 private:
  // score_[32, keys] = q k^T for `tiles` of 32 keys.
  void scores(int64_t first, int64_t tiles) {
    for (int64_t t = 0; t < tiles; ++t) {
      const uint16_t* low = keys_ + (first + t * kKeyTile) * dim_;
      const uint16_t* high = low + 16 * dim_;
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t s = 0; s < steps_; ++s) {
        _tile_loadd(4, q_ + s * kTile, 64);
        _tile_loadd(6, low + s * kTile, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, high + s * kTile, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, q_ + (steps_ + s) * kTile, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      float* to = score_ + t * kKeyTile;
      constexpr int64_t kLine = kKeysAtOnce * sizeof(float);
      _tile_stored(0, to, kLine);
      _tile_stored(1, to + 16, kLine);
      _tile_stored(2, to + 16 * kKeysAtOnce, kLine);
      _tile_stored(3, to + 16 * kKeysAtOnce + 16, kLine);
    }
  }

  // Keys [first, ...) that row r sees.
  int64_t visible(int64_t r, int64_t first) const {
    const int64_t hidden = in_.causal ? std::max<int64_t>(0, in_.num_queries - 1 - r) : 0;
    return std::max<int64_t>(0, in_.num_keys - hidden - first);
  }

  // Scores to probabilities, relative to the largest score so far: what was summed before is scaled
  // down when a larger one comes.
  void softmax(int64_t first, int64_t n) {
    const float log2_scale = in_.scale * kLog2E;
    const __m512 factor = _mm512_set1_ps(log2_scale);
    for (int64_t r = 0; r < kRows; ++r) {
      float* row = score_ + r * kKeysAtOnce;
      const int64_t seen = visible(r, first);
      for (int64_t k = seen / 16 * 16; k < n; k += 16) {
        const int64_t valid = std::clamp<int64_t>(seen - k, 0, 16);
        const auto mask = static_cast<__mmask16>((1u << valid) - 1);
        _mm512_store_ps(row + k, _mm512_mask_blend_ps(mask, _mm512_set1_ps(-INFINITY),
                                                      _mm512_load_ps(row + k)));
      }
      __m512 most = _mm512_load_ps(row);
      for (int64_t k = 16; k < n; k += 16) most = _mm512_max_ps(most, _mm512_load_ps(row + k));
      // A positive scale keeps the order.
      const float largest = std::max(largest_[r], _mm512_reduce_max_ps(most) * log2_scale);
      if (largest > largest_[r]) {
        rescale(r, largest_[r] == -INFINITY ? 0.0f : std::exp2(largest_[r] - largest));
        largest_[r] = largest;
      }
      // A row that has seen nothing yet: all its probabilities are 0.
      const __m512 shift = _mm512_set1_ps(largest == -INFINITY ? 0.0f : -largest);
      __m512 sum = _mm512_load_ps(total_ + r * 16);
      // Tiles of 16 rows and 32 keys.
      uint16_t* to = probability_ + r / 16 * (kKeysAtOnce / 32) * kTile + r % 16 * 32;
      for (int64_t k = 0; k < n; k += 32, to += kTile) {
        const __m512 a = V::exp2(_mm512_fmadd_ps(_mm512_load_ps(row + k), factor, shift));
        const __m512 b = V::exp2(_mm512_fmadd_ps(_mm512_load_ps(row + k + 16), factor, shift));
        sum = _mm512_add_ps(sum, _mm512_add_ps(a, b));
        _mm512_store_si512(to, std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
      }
      _mm512_store_ps(total_ + r * 16, sum);
    }
  }

  void rescale(int64_t r, float by) {
    const __m512 factor = _mm512_set1_ps(by);
    _mm512_store_ps(total_ + r * 16, _mm512_mul_ps(_mm512_load_ps(total_ + r * 16), factor));
    for (int64_t e = 0; e < dim_; e += 16) {
      float* at = out_ + r * dim_ + e;
      _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
    }
  }

  // out_ += probabilities of `tiles` of 32 keys times their values.
  void add_values(int64_t first, int64_t tiles) {
    const int64_t line = dim_ * static_cast<int64_t>(sizeof(float));
    for (int64_t e = 0; e < dim_; e += 32) {
      float* to = out_ + e;
      _tile_loadd(0, to, line);
      _tile_loadd(1, to + 16, line);
      _tile_loadd(2, to + 16 * dim_, line);
      _tile_loadd(3, to + 16 * dim_ + 16, line);
      for (int64_t t = 0; t < tiles; ++t) {
        const uint16_t* v = values_ + (first + t * kKeyTile) * dim_ + e / 16 * kTile;
        _tile_loadd(4, probability_ + t * kTile, 64);
        _tile_loadd(6, v, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, v + kTile, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, probability_ + (kKeysAtOnce / 32 + t) * kTile, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_stored(0, to, line);
      _tile_stored(1, to + 16, line);
      _tile_stored(2, to + 16 * dim_, line);
      _tile_stored(3, to + 16 * dim_ + 16, line);
    }
  }

  AttendedQueries in_;
  int64_t dim_;
  int64_t steps_;
  const uint16_t* keys_;
  const uint16_t* values_;
  float* score_;
  uint16_t* probability_;
  alignas(64) uint16_t q_[kRows * kMaxHeadDim];  // tiles [2][steps][16][32]
  alignas(64) float out_[kRows * kMaxHeadDim];   // [32, head_dim], not yet divided
  alignas(64) float total_[kRows * 16];          // sums of probabilities in 16 parts
  float largest_[kRows];                         // scores times scale, to base 2
};

// Several blocks share each pass over the keys: those of one head are more than the second-level
// cache holds, and from behind it they come too slowly for 32 queries.
void attend(const AttendedQueries& queries) {
  const TileScope scope;
  Scratch scratch;
  Block blocks[kBlocks];
  const int64_t used = (queries.num_queries + kRows - 1) / kRows;
  for (int64_t b = 0; b < used; ++b) {
    AttendedQueries part = queries;
    part.q = static_cast<const uint16_t*>(queries.q) + b * kRows * queries.ldq;
    part.out = static_cast<uint16_t*>(queries.out) + b * kRows * queries.ldo;
    part.num_queries = std::min(kRows, queries.num_queries - b * kRows);
    const int64_t later = queries.num_queries - b * kRows - part.num_queries;
    if (queries.causal) part.num_keys -= later;
    blocks[b].begin(part, scratch);
  }
  for (int64_t first = 0; first < queries.num_keys; first += kKeysAtOnce) {
    for (int64_t b = 0; b < used; ++b) blocks[b].pass(first);
  }
  for (int64_t b = 0; b < used; ++b) blocks[b].write();
}

}  // namespace

const FlashAttention kAmxAttention = {pack_keys, pack_values, attend, kBlocks* kRows, 2};

}  // namespace glmv::kernels
