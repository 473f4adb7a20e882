#pragma once
// What the multiply-add instructions of this CPU give at most: loops of nothing else on registers.

#include <string_view>

namespace glmv::tensor {

// In 1e9 multiplications and additions a second, on all threads; 0 where there is no such
// instruction.
struct InstructionPeaks {
  double fp32 = 0;
  double bf16 = 0;  // vdpbf16ps or tiles; else fp32's
  double int8 = 0;  // vpdpbusd or tiles; else vpmaddubsw with the addition of 16 bits it needs
};

// `isa` as in kernel_table.h; one that this CPU has.
InstructionPeaks measure_peaks(std::string_view isa);

}  // namespace glmv::tensor
