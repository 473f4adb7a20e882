#pragma once
// One table per instruction set, each defined in its own file with its own compiler flags.

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {

extern const KernelTable kScalarKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512Bf16Kernels;
extern const TileProducts kAmxProducts;
// The bf16 products of kAmxProducts.
void tile_pairs(const PackedShape& shape, const std::byte* w, int64_t block_begin,
                int64_t block_end, const Bf16Tiles& x, const TileOutput& out);
void tile_rows(const uint16_t* w, int64_t out, int64_t in, int64_t block_begin, int64_t block_end,
               const Bf16Tiles& x, const TileOutput& y);
extern const FewRowProducts kAmxFewRows;
extern const TileRowsBf16 kAmxRowsBf16;
extern const FlashAttention kAmxAttention;
// By pairs of bf16: where their products are faster than those of fp32 (dispatch.cc).
extern const FlashAttention kPairAttention;
extern const TileProducts kPairProducts;
extern const FewRowProducts kPairFewRows;
extern const AttendPaged kPairAttend;
extern const AttendPaged kPairAttendInt8;
bool pairs_are_fast();
extern const AttendPaged kAmxAttend;
extern const AttendPaged kAmxAttendInt8;

}  // namespace glmv::kernels
