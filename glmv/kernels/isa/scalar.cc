#include <bit>

#include "glmv/kernels/impl/gemv_bf16-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

float widen(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

struct Scalar {
  static constexpr int kStep = 1;
  using Word = float;
  using Acc = float;
  static Word load(const uint16_t* p) { return widen(*p); }
  static Word load_tail(const uint16_t* p, int) { return widen(*p); }
  static Acc zero() { return 0.0f; }
  static Acc mul_add(Acc acc, Word w, Word x) { return acc + w * x; }
  static float sum(Acc acc) { return acc; }
};

}  // namespace

const KernelTable kScalarKernels = {"scalar", gemv_bf16<Scalar>};

}  // namespace glmv::kernels
