// attention.h by AMX tiles. Keys are packed as pairs of inputs, [keys / 16][head_dim / 32] tiles of
// 16 pairs of 16 keys; values as pairs of keys, [keys / 32][head_dim / 16] tiles of 16 pairs of 16
// outputs. Both are the right-hand operand of their product.

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

constexpr int64_t kTile = 512;        // bf16 elements
constexpr int64_t kKeysAtOnce = 128;  // scores of 32 queries: 16 KiB
constexpr int64_t kRows = 32;
constexpr int64_t kBlocks = kQueriesAtOnce / kRows;

void pack_keys(const uint16_t* rows, int64_t ld, int64_t begin, int64_t end, int64_t head_dim,
               uint16_t* packed) {
  for (int64_t first = begin; first < end; first += 16) {
    const int64_t n = std::min<int64_t>(16, end - first);
    for (int64_t e = 0; e < head_dim; e += 32) {
      uint16_t* tile = packed + first * head_dim + e / 32 * kTile;
      if (n < 16) std::memset(tile, 0, kTile * sizeof(uint16_t));
      for (int64_t key = 0; key < n; ++key) {
        const uint16_t* from = rows + (first + key) * ld + e;
        for (int pair = 0; pair < 16; ++pair) {
          std::memcpy(tile + pair * 32 + key * 2, from + pair * 2, 2 * sizeof(uint16_t));
        }
      }
    }
  }
  // The second half of a tile of 32 keys that end in the first.
  const int64_t last = (end + 15) / 16 * 16;
  if (last % kKeyTile != 0) {
    std::memset(packed + last * head_dim, 0, 16 * head_dim * sizeof(uint16_t));
  }
}

void pack_values(const uint16_t* rows, int64_t ld, int64_t begin, int64_t end, int64_t head_dim,
                 uint16_t* packed) {
  for (int64_t first = begin; first < end; first += kKeyTile) {
    for (int64_t e = 0; e < head_dim; e += 16) {
      uint16_t* line = packed + first * head_dim + e / 16 * kTile;
      for (int64_t key = first; key < first + kKeyTile; key += 2, line += 32) {
        const auto load = [&](int64_t k) {
          return k < end ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + k * ld + e))
                         : _mm256_setzero_si256();
        };
        const __m512i low = _mm512_cvtepu16_epi32(load(key));
        const __m512i high = _mm512_cvtepu16_epi32(load(key + 1));
        _mm512_storeu_si512(line, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
      }
    }
  }
}

// 2^x for x <= 0: relative error below 3e-6; 0 below -126.
__m512 exp2_of(__m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, whole);  // [-0.5, 0.5]
  __m512 p = _mm512_set1_ps(1.339262e-3f);   // Taylor's coefficients of 2^f: ln2^k / k!
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.618129e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.550411e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402265e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931472e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  const __mmask16 seen = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-126.0f), _CMP_GE_OQ);
  return _mm512_maskz_scalef_ps(seen, p, whole);
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
    dim_ = queries.head_dim;
    steps_ = queries.head_dim / 32;
    score_ = scratch.score;
    probability_ = scratch.probability;
    alignas(64) uint16_t zero[kMaxHeadDim] = {};
    for (int64_t r = 0; r < kRows; ++r) {
      const uint16_t* row = r < in_.num_queries ? in_.q + r * in_.ldq : zero;
      for (int64_t s = 0; s < steps_; ++s) {
        std::memcpy(q_ + (r / 16 * steps_ + s) * kTile + r % 16 * 32, row + s * 32, 64);
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
    for (int64_t r = 0; r < in_.num_queries; ++r) {
      const __m512 factor =
          _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(_mm512_load_ps(total_ + r * 16)));
      for (int64_t e = 0; e < dim_; e += 16) {
        const __m512 value = _mm512_mul_ps(_mm512_load_ps(out_ + r * dim_ + e), factor);
        const auto half = std::bit_cast<__m256i>(_mm512_cvtneps_pbh(value));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(in_.out + r * in_.ldo + e), half);
      }
    }
  }

 private:
  // score_[32, keys] = q k^T for `tiles` of 32 keys.
  void scores(int64_t first, int64_t tiles) {
    for (int64_t t = 0; t < tiles; ++t) {
      const uint16_t* low = in_.keys + (first + t * kKeyTile) * dim_;
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
    const float log2_scale = in_.scale * 1.44269504f;
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
        const __m512 a = exp2_of(_mm512_fmadd_ps(_mm512_load_ps(row + k), factor, shift));
        const __m512 b = exp2_of(_mm512_fmadd_ps(_mm512_load_ps(row + k + 16), factor, shift));
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
        const uint16_t* v = in_.values + (first + t * kKeyTile) * dim_ + e / 16 * kTile;
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
    part.q += b * kRows * queries.ldq;
    part.out += b * kRows * queries.ldo;
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

const TileAttention kAmxAttention = {pack_keys, pack_values, attend};

}  // namespace glmv::kernels
