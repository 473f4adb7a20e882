#include "glmv/tensor/fused_ops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <bit>
#include <cmath>

#include "glmv/base/every_isa.h"
#include "glmv/kernels/impl/exp2-inl.h"

namespace glmv::tensor {
namespace {

using Half = uint16_t;  // bf16

// Elements that a thread should have at least.
constexpr int64_t kGrain = 16384;
// Values in flight, so that the compiler may use vectors.
constexpr int64_t kLanes = 16;

inline float load(Half x) { return std::bit_cast<float>(uint32_t{x} << 16); }
inline float load(float x) { return x; }

// To nearest, ties to even; NaN stays one.
inline Half to_half(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return static_cast<Half>(x == x ? rounded : 0x7fc0);
}
template <class T>
T store(float x) {
  if constexpr (sizeof(T) == 2) {
    return to_half(x);
  } else {
    return x;
  }
}
// What x is after being stored as T.
template <class T>
float rounded(float x) {
  return load(store<T>(x));
}

template <class T>
inline __attribute__((always_inline)) void norm_row(const T* x, const T* weight, T* y, int64_t n,
                                                    float eps) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) lanes[j] += load(x[i + j]) * load(x[i + j]);
  }
  float sum = 0;
  for (; i < n; ++i) sum += load(x[i]) * load(x[i]);
  for (const float lane : lanes) sum += lane;
  const float scale = 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
  for (i = 0; i < n; ++i) y[i] = store<T>(rounded<T>(load(x[i]) * scale) * load(weight[i]));
}

// T: of x and y; C: of cos and sin. Products are rounded to C, as ATen's are.
template <class T, class C>
inline __attribute__((always_inline)) void rotate(const T* a, const T* b, int64_t step,
                                                  const C* cos, const C* sin, int64_t half, T* y,
                                                  T* z) {
  for (int64_t i = 0; i < half; ++i) {
    const float c = load(cos[i]), s = load(sin[i]);
    const float u = load(a[i * step]), v = load(b[i * step]);
    y[i * step] = store<T>(rounded<C>(rounded<C>(u * c) - rounded<C>(v * s)));
    z[i * step] = store<T>(rounded<C>(rounded<C>(v * c) + rounded<C>(u * s)));
  }
}

GLMV_EVERY_ISA void norm_half(const Half* x, const Half* w, Half* y, int64_t n, float eps) {
  norm_row(x, w, y, n, eps);
}
GLMV_EVERY_ISA void norm_float(const float* x, const float* w, float* y, int64_t n, float eps) {
  norm_row(x, w, y, n, eps);
}

GLMV_EVERY_ISA void rotate_half(const Half* a, const Half* b, int64_t step, const Half* cos,
                                const Half* sin, int64_t half, Half* y, Half* z) {
  if (step == 1) return rotate(a, b, 1, cos, sin, half, y, z);
  rotate(a, b, step, cos, sin, half, y, z);
}
GLMV_EVERY_ISA void rotate_mixed(const Half* a, const Half* b, int64_t step, const float* cos,
                                 const float* sin, int64_t half, Half* y, Half* z) {
  if (step == 1) return rotate(a, b, 1, cos, sin, half, y, z);
  rotate(a, b, step, cos, sin, half, y, z);
}
GLMV_EVERY_ISA void rotate_float(const float* a, const float* b, int64_t step, const float* cos,
                                 const float* sin, int64_t half, float* y, float* z) {
  if (step == 1) return rotate(a, b, 1, cos, sin, half, y, z);
  rotate(a, b, step, cos, sin, half, y, z);
}

// One lane, for a compiler that makes vectors of it.
struct PlainFloat {
  using Float = float;
  static constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: leaves a whole number in the low bits
  static float set(float x) { return x; }
  static float mul_add(float a, float b, float c) { return a * b + c; }
  static float sub(float a, float b) { return a - b; }
  static float nearest(float x) { return (x + kRound) - kRound; }
  static float times_power(float p, float n) {
    const uint32_t exponent = std::bit_cast<uint32_t>(n + kRound) << 23;
    const float product = std::bit_cast<float>(std::bit_cast<uint32_t>(p) + exponent);
    return n < -126.0f ? 0.0f : product;
  }
};

inline __attribute__((always_inline)) float silu(float g) {
  // Beyond 80 the sigmoid is 0 or 1 in every digit; the comparison keeps NaN.
  float x = g < -80.0f ? -80.0f : g;
  x = x > 80.0f ? 80.0f : x;
  return g / (1.0f + kernels::exp2_of<PlainFloat>(-x * kernels::kLog2E));
}

GLMV_EVERY_ISA void swiglu_halves(const Half* gate, const Half* up, Half* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    y[i] = to_half(load(to_half(silu(load(gate[i])))) * load(up[i]));
  }
}

GLMV_EVERY_ISA void swiglu_to_half(const float* gate, const float* up, int64_t n, Half* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = to_half(silu(gate[i]) * up[i]);
}
GLMV_EVERY_ISA void swiglu_to_float(const float* gate, const float* up, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = silu(gate[i]) * up[i];
}

template <class T>
const T* data_of(const at::Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}

// Calls work(row) on all threads for `rows` rows of `width`.
template <class Work>
void for_rows(int64_t rows, int64_t width, const Work& work) {
  at::parallel_for(0, rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, width)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t r = begin; r < end; ++r) work(r);
                   });
}

template <class T, class C, class Rotate>
void rope_rows(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool interleaved,
               at::Tensor& y, const Rotate& rotate_pairs) {
  const int64_t heads = x.size(1), width = x.size(2), half = cos.size(-1);
  const int64_t step = interleaved ? 2 : 1;
  const int64_t other = interleaved ? 1 : half;  // from the first of a pair to the second
  const T* from = data_of<T>(x);
  T* to = static_cast<T*>(y.mutable_data_ptr());
  const C* c = data_of<C>(cos);
  const C* s = data_of<C>(sin);
  for_rows(x.size(0), heads * width, [&](int64_t r) {
    for (int64_t h = 0; h < heads; ++h) {
      const T* in = from + r * x.stride(0) + h * x.stride(1);
      T* out = to + (r * heads + h) * width;
      rotate_pairs(in, in + other, step, c + r * half, s + r * half, half, out, out + other);
      std::copy(in + 2 * half, in + width, out + 2 * half);
    }
  });
}

}  // namespace

bool takes_fused(const at::Tensor& x) {
  return !c10::GradMode::is_enabled() && x.is_cpu() && x.dim() >= 1 && x.stride(-1) == 1 &&
         x.numel() > 0 && (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kFloat);
}

at::Tensor fused_rms_norm(const at::Tensor& x_in, const at::Tensor& weight, double eps) {
  const at::Tensor x = x_in.contiguous();
  const at::Tensor w = weight.contiguous();
  at::Tensor y = at::empty_like(x);
  const int64_t n = x.size(-1);
  const bool half = x.scalar_type() == at::kBFloat16;
  for_rows(x.numel() / n, n, [&](int64_t r) {
    if (half) {
      norm_half(data_of<Half>(x) + r * n, data_of<Half>(w),
                static_cast<Half*>(y.mutable_data_ptr()) + r * n, n, static_cast<float>(eps));
    } else {
      norm_float(data_of<float>(x) + r * n, data_of<float>(w),
                 static_cast<float*>(y.mutable_data_ptr()) + r * n, n, static_cast<float>(eps));
    }
  });
  return y;
}

at::Tensor fused_rope(const at::Tensor& x, const at::Tensor& cos_in, const at::Tensor& sin_in,
                      bool interleaved) {
  const at::Tensor cos = cos_in.contiguous();
  const at::Tensor sin = sin_in.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat) {
    rope_rows<float, float>(x, cos, sin, interleaved, y, rotate_float);
  } else if (cos.scalar_type() == at::kFloat) {
    rope_rows<Half, float>(x, cos, sin, interleaved, y, rotate_mixed);
  } else {
    rope_rows<Half, Half>(x, cos, sin, interleaved, y, rotate_half);
  }
  return y;
}

at::Tensor fused_swiglu(const at::Tensor& gate_in, const at::Tensor& up_in) {
  const at::Tensor gate = gate_in.dim() == 2 ? gate_in : gate_in.contiguous();
  const at::Tensor up = up_in.dim() == 2 ? up_in : up_in.contiguous();
  const int64_t n = gate.size(-1);
  const int64_t rows = gate.numel() / n;
  const int64_t gate_stride = gate.dim() == 2 ? gate.stride(0) : n;
  const int64_t up_stride = up.dim() == 2 ? up.stride(0) : n;
  at::Tensor y = at::empty(gate.sizes(), gate.options());
  for_rows(rows, n, [&](int64_t r) {
    swiglu_halves(data_of<Half>(gate) + r * gate_stride, data_of<Half>(up) + r * up_stride,
                  static_cast<Half*>(y.mutable_data_ptr()) + r * n, n);
  });
  return y;
}

void swiglu_row(const float* gate, const float* up, int64_t n, uint16_t* bf16) {
  swiglu_to_half(gate, up, n, bf16);
}
void swiglu_row(const float* gate, const float* up, int64_t n, float* y) {
  swiglu_to_float(gate, up, n, y);
}

}  // namespace glmv::tensor
