#pragma once
// Rows of activations laid out for the kernels, gathered by groups: one run per expert.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "glmv/kernels/packed_weight.h"

namespace glmv::quant {

// How a kernel reads its rows (glmv/kernels/packed_weight.h).
enum class Layout {
  kFloat,      // FloatRows
  kInt8,       // Int8Rows
  kInt8Tiles,  // Int8Tiles
  kBf16,       // bf16 [rows, padded_in]
  kBf16Tiles,  // Bf16Tiles
  kPairTiles,  // PairTiles
};

struct OperandSpec {
  Layout layout = Layout::kFloat;
  int64_t in = 0;
  int64_t group = 0;  // inputs per group of a packed weight; 0: no groups, no padding

  int64_t num_groups() const { return group == 0 ? 0 : in / group; }
  int64_t padded_in() const { return group == 0 ? in : num_groups() * ((group + 7) / 8 * 8); }
  bool operator==(const OperandSpec&) const = default;
};

// Rows as `layout` says; a view.
struct Operand {
  Layout layout = Layout::kFloat;
  int64_t num_rows = 0;
  const void* x = nullptr;
  const float* scales = nullptr;  // int8 layouts
  const void* sums = nullptr;     // kFloat, kBf16Tiles: fp32, int8 layouts: int32

  kernels::FloatRows float_rows() const {
    return {static_cast<const float*>(x), static_cast<const float*>(sums), num_rows};
  }
  kernels::Int8Rows int8_rows() const {
    return {static_cast<const int8_t*>(x), scales, static_cast<const int32_t*>(sums), num_rows};
  }
  kernels::Int8Tiles int8_tiles() const {
    return {static_cast<const int8_t*>(x), scales, static_cast<const int32_t*>(sums), num_rows};
  }
  kernels::Bf16Tiles bf16_tiles() const {
    return {bf16(), num_rows, static_cast<const float*>(sums)};
  }
  kernels::PairTiles pair_tiles() const { return {bf16(), num_rows}; }
  const uint16_t* bf16() const { return static_cast<const uint16_t*>(x); }
};

// Consecutive entries of the list of sources, under one layout.
struct OperandRun {
  OperandSpec spec;
  int64_t first = 0;
  int64_t num_rows = 0;
};

// Owns the rows of all runs. The specs differ in nothing but their layout.
class Operands {
 public:
  // x [R, in] fp32 or bf16, bf16 where a layout is. Entry i of a run is row sources[run.first + i]
  // of x; without sources row run.first + i. Every row of x is rounded or converted once.
  Operands(const at::Tensor& x, std::span<const OperandRun> runs,
           std::span<const int32_t> sources = {});

  const Operand& operator[](size_t run) const { return views_[run]; }

 private:
  void prepare(const at::Tensor& x, std::span<const OperandRun> runs);
  const at::Tensor& rows_of(Layout layout) const;
  // Rows [first, first + run.num_rows) as they lie; false for tiles.
  bool view_rows(const OperandRun& run, int64_t first, Operand& view) const;
  void gather(std::span<const OperandRun> runs, std::span<const int32_t> sources);

  // Rows of x as the layouts without tiles have them.
  at::Tensor int8_, int8_scales_, int8_sums_;
  at::Tensor float_, float_sums_;
  at::Tensor bf16_;
  at::Tensor gathered_, gathered_scales_, gathered_sums_;
  std::vector<Operand> views_;
};

}  // namespace glmv::quant
