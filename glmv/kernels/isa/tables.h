#pragma once
// One table per instruction set, each defined in its own file with its own compiler flags.

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {

extern const KernelTable kScalarKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512Bf16Kernels;
extern const TileProducts kAmxProducts;
extern const FewRowProducts kAmxFewRows;
extern const TileAttention kAmxAttention;
extern const AttendPaged kAmxAttend;

}  // namespace glmv::kernels
