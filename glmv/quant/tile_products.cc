#include "glmv/quant/tile_products.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "glmv/base/every_isa.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/tile_linear.h"

namespace glmv::quant {
namespace {

using kernels::kPackRows;
using kernels::PackedShape;
namespace cpublas = at::native::cpublas;

// Rows of x at a time: their sums of one block stay in the second-level cache.
constexpr int64_t kRowsAtOnce = 512;
// Inputs that are unpacked at once, as bf16 for 32 outputs: 256 KiB. Four calls instead of one cost
// half as much again.
constexpr int64_t kInputsAtOnce = 4096;

kernels::TileOutput output_of(const PackedShape& shape, const at::Tensor& bias,
                              const at::Tensor& y) {
  return {.y = y.mutable_data_ptr(),
          .is_bf16 = y.scalar_type() == at::kBFloat16,
          .ldy = shape.out,
          .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr};
}

// The sums of one block, fp32 [num_rows, 32], into y.
void store_block(const PackedShape& shape, int64_t block, const float* sums, int64_t first,
                 int64_t num_rows, const kernels::TileOutput& out) {
  const int64_t column = block * kPackRows;
  const int64_t n = std::min<int64_t>(kPackRows, shape.out - column);
  const auto store = [&](auto* y) {
    for (int64_t r = 0; r < num_rows; ++r, sums += kPackRows) {
      for (int64_t o = 0; o < n; ++o) {
        const float bias = out.bias == nullptr ? 0.0f : out.bias[column + o];
        y[(first + r) * out.ldy + column + o] = sums[o] + bias;
      }
    }
  };
  if (out.is_bf16) {
    store(static_cast<at::BFloat16*>(out.y));
  } else {
    store(static_cast<float*>(out.y));
  }
}

// Rows [n, in] with every group padded to whole steps.
at::Tensor padded(const PackedShape& shape, const at::Tensor& rows) {
  const int64_t more = shape.padded_group() - shape.group;
  if (more == 0) return rows;
  const at::Tensor grouped = rows.view({rows.size(0), shape.num_groups(), shape.group});
  return at::constant_pad_nd(grouped, {0, more}).view({rows.size(0), shape.padded_in()});
}

constexpr int64_t kRowsOfTile = 16;
constexpr int64_t kTileBytes = 64;  // of a row
// From so many rows on, making operands of a block for many rows costs less than it saves.
constexpr int64_t kManyRows = 16;
// Of activations of `element_bytes`.
bool has_tiles(const PackedShape& shape, int64_t step, int64_t element_bytes) {
  return shape.padded_group() % step == 0 && shape.padded_in() * element_bytes % kTileBytes == 0;
}

// Whether `product`, of the table's few_rows, is the one for so many rows or fewer.
template <class Product>
bool is_few(const PackedShape& shape, int64_t num_rows,
            Product kernels::FewRowProducts::* product) {
  const kernels::FewRowProducts* few = kernels::kernels().few_rows;
  return num_rows <= kernels::kFewRows && few != nullptr && few->*product != nullptr &&
         shape.group % kTileBytes == 0 &&
         (shape.bits == 8 || shape.group <= kernels::kMaxFewRowsGroup);
}
constexpr auto kFewInt8 = &kernels::FewRowProducts::int8;
constexpr auto kFewBf16 = &kernels::FewRowProducts::bf16;

int64_t num_row_tiles(int64_t rows) { return (rows + kRowsOfTile - 1) / kRowsOfTile; }

// The activations of Int8Tiles and their memory.
struct OwnedInt8Tiles {
  at::Tensor q, scales, sums;
  kernels::Int8Tiles view;
};

GLMV_EVERY_ISA void widen(const uint16_t* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = std::bit_cast<float>(uint32_t{x[i]} << 16);
}

// QuantizeTiles for any group, into `tiles`.
void quantize_by_rows(const PackedShape& shape, const void* x, bool is_bf16, int64_t num_rows,
                      int64_t tile_begin, int64_t tile_end, int8_t* q, float* scales,
                      int32_t* sums) {
  const int64_t padded_rows = num_row_tiles(num_rows) * kRowsOfTile;
  const int64_t groups = shape.num_groups(), padded_in = shape.padded_in();
  std::vector<float> floats(is_bf16 ? shape.in : 0), row_scales(groups);
  std::vector<int32_t> row_sums(groups);
  std::vector<int8_t> row(padded_in);
  for (int64_t r = tile_begin * kRowsOfTile; r < tile_end * kRowsOfTile; ++r) {
    if (r < num_rows) {
      const float* values = static_cast<const float*>(x) + r * shape.in;
      if (is_bf16) {
        widen(static_cast<const uint16_t*>(x) + r * shape.in, shape.in, floats.data());
        values = floats.data();
      }
      kernels::kernels().quantize_row(shape, values, row.data(), row_scales.data(),
                                      row_sums.data());
    } else {
      std::ranges::fill(row, int8_t{0});
      std::ranges::fill(row_scales, 0.0f);
      std::ranges::fill(row_sums, 0);
    }
    for (int64_t g = 0; g < groups; ++g) {
      scales[g * padded_rows + r] = row_scales[g];
      sums[g * padded_rows + r] = row_sums[g];
    }
    int8_t* to = q + r / kRowsOfTile * kRowsOfTile * padded_in + r % kRowsOfTile * kTileBytes;
    for (int64_t k = 0; k < padded_in; k += kTileBytes, to += kRowsOfTile * kTileBytes) {
      std::copy_n(row.data() + k, kTileBytes, to);
    }
  }
}

// `rows`: fp32 or bf16 [n, in].
OwnedInt8Tiles to_int8_tiles(const PackedShape& shape, const at::Tensor& rows) {
  const int64_t n = rows.size(0);
  const int64_t row_tiles = num_row_tiles(n);
  const int64_t groups = shape.num_groups();
  const int64_t padded_in = shape.padded_in();
  const int64_t padded_rows = row_tiles * kRowsOfTile;
  OwnedInt8Tiles tiles{.q = at::empty({padded_rows * padded_in}, at::kChar),
                       .scales = at::empty({groups, padded_rows}, at::kFloat),
                       .sums = at::empty({groups, padded_rows}, at::kInt)};
  auto* q = tiles.q.mutable_data_ptr<int8_t>();
  auto* scales = tiles.scales.mutable_data_ptr<float>();
  auto* sums = tiles.sums.mutable_data_ptr<int32_t>();
  const bool is_bf16 = rows.scalar_type() == at::kBFloat16;
  const void* x = rows.const_data_ptr();
  const auto own = kernels::kernels().tiles->quantize;
  const auto quantize = own != nullptr && shape.group % kTileBytes == 0 ? own : quantize_by_rows;
  at::parallel_for(0, row_tiles, 1, [&](int64_t begin, int64_t end) {
    quantize(shape, x, is_bf16, n, begin, end, q, scales, sums);
  });
  tiles.view = {q, scales, sums, n};
  return tiles;
}

GLMV_EVERY_ISA float sum_of(const float* x, int64_t n) {
  float lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int j = 0; j < 16; ++j) lanes[j] += x[i + j];
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += x[i];
  return sum;
}

// Bf16Tiles of at most 16 rows and their memory.
struct OwnedBf16Tiles {
  at::Tensor x, sums;
  kernels::Bf16Tiles view;
};

// `rows`: bf16 [n, in].
OwnedBf16Tiles to_few_tiles(const PackedShape& shape, const at::Tensor& rows) {
  constexpr int64_t kInputs = kTileBytes / 2;
  const int64_t n = rows.size(0);
  OwnedBf16Tiles tiles{.x = at::empty({kRowsOfTile * shape.in}, at::kBFloat16),
                       .sums = at::empty({shape.num_groups(), kRowsOfTile}, at::kFloat)};
  const auto* from = static_cast<const uint16_t*>(rows.const_data_ptr());
  auto* x = static_cast<uint16_t*>(tiles.x.mutable_data_ptr());
  auto* sums = tiles.sums.mutable_data_ptr<float>();
  at::parallel_for(0, n, 4, [&](int64_t begin, int64_t end) {
    std::vector<float> floats(shape.in);
    for (int64_t r = begin; r < end; ++r) {
      const uint16_t* row = from + r * shape.in;
      for (int64_t k = 0; k < shape.in; k += kInputs) {
        std::copy_n(row + k, kInputs, x + k * kRowsOfTile + r * kInputs);
      }
      widen(row, shape.in, floats.data());
      for (int64_t g = 0; g < shape.num_groups(); ++g) {
        sums[g * kRowsOfTile + r] = sum_of(floats.data() + g * shape.group, shape.group);
      }
    }
  });
  tiles.view = {x, n, sums};
  return tiles;
}

// Rows [first, first + num_rows) of w as bf16, `ld` apart; with one scale a row without it.
void decode_rows(const kernels::Fp8Matrix& w, int64_t first, int64_t num_rows, int64_t ld,
                 uint16_t* out) {
  const bool one_scale = w.num_blocks() == 1;
  for (int64_t r = 0; r < num_rows; ++r) {
    const uint8_t* codes = w.codes + (first + r) * w.in;
    const float* scales = w.scales + (first + r) * w.num_blocks();
    for (int64_t i = 0; i < w.in; i += w.block) {
      kernels::kernels().fp8_to_bf16(codes + i, std::min(w.block, w.in - i),
                                     one_scale ? 1.0f : scales[i / w.block], out + r * ld + i);
    }
  }
}

// Calls multiply(block, outputs, y) for the rows [begin, end) of w, 32 at a time as bf16, and
// scales what it writes to the num_rows rows of y where a row of w has one scale.
template <class Multiply>
void for_decoded(const kernels::Fp8Matrix& w, int64_t begin, int64_t end, int64_t num_rows,
                 float* y, int64_t ldy, const Multiply& multiply) {
  std::vector<uint16_t> block(kPackRows * w.in);
  for (int64_t first = begin; first < end; first += kPackRows, y += kPackRows) {
    const int64_t outputs = std::min<int64_t>(kPackRows, end - first);
    decode_rows(w, first, outputs, w.in, block.data());
    multiply(block.data(), outputs, y);
    if (w.num_blocks() > 1) continue;
    for (int64_t r = 0; r < num_rows; ++r) {
      for (int64_t o = 0; o < outputs; ++o) y[r * ldy + o] *= w.scales[first + o];
    }
  }
}

}  // namespace

bool has_bf16_products() { return cpublas::could_pack(at::kBFloat16); }

bool has_own_bf16_tiles(const PackedShape& shape) {
  const kernels::TileProducts* tiles = kernels::kernels().tiles;
  return tiles != nullptr && tiles->bf16 != nullptr && has_tiles(shape, tiles->bf16_step, 2);
}

bool takes_int8_tiles(const PackedShape& shape, int64_t num_rows) {
  if (is_few(shape, num_rows, kFewInt8)) return num_rows >= kernels::kernels().few_rows->min_rows;
  const kernels::TileProducts* tiles = kernels::kernels().tiles;
  return num_rows >= kManyRows && tiles != nullptr && has_tiles(shape, tiles->int8_step, 1);
}

bool takes_bf16_tiles(const PackedShape& shape, int64_t num_rows) {
  if (is_few(shape, num_rows, kFewBf16)) return num_rows >= kernels::kernels().few_rows->min_rows;
  return num_rows >= kManyRows && (has_own_bf16_tiles(shape) || has_bf16_products());
}

bool has_pair_tiles(int64_t in) {
  return in % (kTileBytes / 2) == 0 &&
         (kernels::kernels().tile_rows_bf16 != nullptr || has_bf16_products());
}

void multiply_int8_blocks(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                          const kernels::Int8Tiles& x, const kernels::TileOutput& out) {
  const kernels::KernelTable& table = kernels::kernels();
  const auto product =
      is_few(shape, x.num_rows, kFewInt8) ? table.few_rows->int8 : table.tiles->int8;
  product(shape, w, begin, end, x, out);
}

void multiply_bf16_blocks(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                          const kernels::Bf16Tiles& x, const kernels::TileOutput& out) {
  const kernels::KernelTable& table = kernels::kernels();
  const auto product =
      is_few(shape, x.num_rows, kFewBf16) ? table.few_rows->bf16 : table.tiles->bf16;
  product(shape, w, begin, end, x, out);
}

void multiply_by_brgemm(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                        const uint16_t* x, int64_t num_rows, const kernels::TileOutput& out) {
  const auto* px = reinterpret_cast<const at::BFloat16*>(x);
  const int64_t padded_in = shape.padded_in();
  const int64_t group = shape.padded_group();
  const int64_t groups_at_once = std::max<int64_t>(1, kInputsAtOnce / group);
  std::vector<at::BFloat16> pairs(groups_at_once * group * kPackRows);
  std::vector<float> sums(std::min(kRowsAtOnce, num_rows) * kPackRows);
  for (int64_t block = begin; block < end; ++block) {
    const std::byte* blocks = w + block * shape.row_block_bytes();
    for (int64_t first = 0; first < num_rows; first += kRowsAtOnce) {
      const int64_t rows = std::min(kRowsAtOnce, num_rows - first);
      for (int64_t g = 0; g < shape.num_groups(); g += groups_at_once) {
        const int64_t n = std::min(groups_at_once, shape.num_groups() - g);
        for (int64_t i = 0; i < n; ++i) {
          kernels::kernels().block_to_pairs(
              shape, blocks + (g + i) * shape.block_bytes(),
              reinterpret_cast<uint16_t*>(pairs.data()) + i * group * kPackRows);
        }
        cpublas::brgemm(rows, kPackRows, n * group, padded_in, kPackRows, kPackRows, g > 0,
                        px + first * padded_in + g * group, pairs.data(), sums.data());
      }
      store_block(shape, block, sums.data(), first, rows, out);
    }
  }
  cpublas::brgemm_release();
}

void multiply_bf16_tiles(const PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& bias, const at::Tensor& y) {
  const at::Tensor rows = padded(shape, x.contiguous());
  const kernels::TileOutput out = output_of(shape, bias, y);
  if (!has_own_bf16_tiles(shape)) {
    const auto* data = static_cast<const uint16_t*>(rows.const_data_ptr());
    at::parallel_for(0, shape.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
      multiply_by_brgemm(shape, w, begin, end, data, x.size(0), out);
    });
    return;
  }
  OwnedBf16Tiles tiles;
  if (is_few(shape, x.size(0), kFewBf16)) {
    tiles = to_few_tiles(shape, rows);
  } else {
    tiles.x = tensor::to_bf16_tiles(rows);
    tiles.view = {static_cast<const uint16_t*>(tiles.x.const_data_ptr()), x.size(0)};
  }
  at::parallel_for(0, shape.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
    multiply_bf16_blocks(shape, w, begin, end, tiles.view, out);
  });
}

void multiply_int8_tiles(const PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& bias, const at::Tensor& y) {
  const OwnedInt8Tiles tiles = to_int8_tiles(shape, x.contiguous());
  const kernels::TileOutput out = output_of(shape, bias, y);
  at::parallel_for(0, shape.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
    multiply_int8_blocks(shape, w, begin, end, tiles.view, out);
  });
}

void multiply_pair_tiles(const uint16_t* w, int64_t rows, int64_t in, const kernels::PairTiles& x,
                         float* y, int64_t ldy) {
  if (const kernels::TileRowsBf16 own = kernels::kernels().tile_rows_bf16) {
    return own(w, 0, rows, in, x, y, ldy);
  }
  const auto* pw = reinterpret_cast<const at::BFloat16*>(w);
  const auto* px = reinterpret_cast<const at::BFloat16*>(x.x);
  float sums[kPackRows * kRowsOfTile];
  for (int64_t o = 0; o < rows; o += kPackRows) {
    const int64_t outputs = std::min<int64_t>(kPackRows, rows - o);
    for (int64_t first = 0; first < x.num_rows; first += kRowsOfTile) {
      cpublas::brgemm(outputs, kRowsOfTile, in, in, kRowsOfTile, kRowsOfTile, false, pw + o * in,
                      px + first * in, sums);
      const int64_t n = std::min(kRowsOfTile, x.num_rows - first);
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t i = 0; i < outputs; ++i) {
          y[(first + r) * ldy + o + i] = sums[i * kRowsOfTile + r];
        }
      }
    }
  }
  cpublas::brgemm_release();
}

void multiply_fp8_pair_tiles(const kernels::Fp8Matrix& w, int64_t begin, int64_t end,
                             const kernels::PairTiles& x, float* y, int64_t ldy) {
  for_decoded(w, begin, end, x.num_rows, y, ldy,
              [&](const uint16_t* block, int64_t outputs, float* to) {
                multiply_pair_tiles(block, outputs, w.in, x, to, ldy);
              });
}

void multiply_bf16_rows(const uint16_t* w, int64_t rows, int64_t in, const uint16_t* x,
                        int64_t num_rows, float* y, int64_t ldy) {
  for (int64_t o = 0; o < rows; o += kPackRows) {  // a few rows of w stay in the caches
    for (int64_t r = 0; r < num_rows; r += kernels::kMaxGemvBatch) {
      const auto batch = static_cast<int>(std::min<int64_t>(kernels::kMaxGemvBatch, num_rows - r));
      kernels::kernels().gemv_bf16(w, o, std::min<int64_t>(o + kPackRows, rows), in, x + r * in,
                                   batch, y + r * ldy + o, ldy);
    }
  }
}

void multiply_fp8_rows(const kernels::Fp8Matrix& w, int64_t begin, int64_t end, const uint16_t* x,
                       int64_t num_rows, float* y, int64_t ldy) {
  for_decoded(w, begin, end, num_rows, y, ldy,
              [&](const uint16_t* block, int64_t outputs, float* to) {
                multiply_bf16_rows(block, outputs, w.in, x, num_rows, to, ldy);
              });
}

bool takes_gated_tiles(const PackedShape& shape, int64_t num_rows) {
  const kernels::TileProducts* tiles = kernels::kernels().tiles;
  return takes_int8_tiles(shape, num_rows) && !is_few(shape, num_rows, kFewInt8) &&
         tiles->int8_gated != nullptr;
}

void multiply_gated_tiles(const PackedShape& shape, const std::byte* w_gate, const std::byte* w_up,
                          const at::Tensor& x, const at::Tensor& y) {
  const OwnedInt8Tiles tiles = to_int8_tiles(shape, x.contiguous());
  const kernels::TileOutput out = output_of(shape, {}, y);
  at::parallel_for(0, shape.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
    kernels::kernels().tiles->int8_gated(shape, w_gate, w_up, begin, end, tiles.view, out);
  });
}

at::Tensor multiply_fp8_tiles(const kernels::Fp8Matrix& w, int64_t out, const at::Tensor& x) {
  // The weight's rows are the left operand: decoded, they lie as the product wants them, and it is
  // x that is laid out in pairs of inputs, once. Rows in sixteens: odd numbers have slow kernels.
  const int64_t n = (x.size(0) + 15) / 16 * 16;
  const int64_t in = (w.in + 1) / 2 * 2;
  const at::Tensor rows = at::constant_pad_nd(x, {0, in - w.in, 0, n - x.size(0)}).contiguous();
  const at::Tensor pairs = rows.view(at::kInt).t().contiguous();  // [in / 2, n]
  const auto* px = static_cast<const at::BFloat16*>(pairs.const_data_ptr());
  const at::Tensor y = at::empty({out, n}, at::kFloat);
  auto* py = y.mutable_data_ptr<float>();
  const bool one_scale = w.num_blocks() == 1;
  const int64_t num_tasks = (out + kPackRows - 1) / kPackRows;
  at::parallel_for(0, num_tasks, 1, [&](int64_t begin, int64_t end) {
    std::vector<at::BFloat16> block(kPackRows * in);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task * kPackRows;
      const int64_t num_rows = std::min<int64_t>(kPackRows, out - first);
      decode_rows(w, first, num_rows, in, reinterpret_cast<uint16_t*>(block.data()));
      for (int64_t b = 0; b < n; b += kRowsAtOnce) {
        cpublas::brgemm(num_rows, std::min(kRowsAtOnce, n - b), in, in, n, n, false, block.data(),
                        px + 2 * b, py + first * n + b);
      }
      if (!one_scale) continue;
      for (int64_t r = first; r < first + num_rows; ++r) {
        for (int64_t b = 0; b < n; ++b) py[r * n + b] *= w.scales[r];
      }
    }
    cpublas::brgemm_release();
  });
  return y.narrow(1, 0, x.size(0)).t();
}

}  // namespace glmv::quant
