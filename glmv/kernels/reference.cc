#include <bit>

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

double widen(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

void gemv_bf16(const uint16_t* w, int64_t begin, int64_t end, int64_t in, const uint16_t* x,
               int batch, float* y, int64_t ldy) {
  for (int b = 0; b < batch; ++b) {
    for (int64_t row = begin; row < end; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i) sum += widen(w[row * in + i]) * widen(x[b * in + i]);
      y[b * ldy + (row - begin)] = static_cast<float>(sum);
    }
  }
}

constexpr KernelTable kReference = {"reference", gemv_bf16};

}  // namespace

const KernelTable& reference_kernels() { return kReference; }

}  // namespace glmv::kernels
