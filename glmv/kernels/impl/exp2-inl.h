#pragma once
// 2^x for every width of vector, the only exponential of the kernels: V has
//   V::Float, V::set, V::mul_add, V::sub, V::nearest (to even), V::times_power(p, n): p * 2^n for a
//   whole n >= -126, 0 where n is below.
// Relative error below 3e-7 of the result for |x| <= 1, growing by 1.2e-7 |x|: what the argument's
// own rounding gives. Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

namespace glmv::kernels {
namespace {

inline constexpr float kLog2E = 1.44269504f;

// Any x up to 127; NaN stays one.
template <class V>
inline __attribute__((always_inline)) typename V::Float exp2_of(typename V::Float x) {
  const typename V::Float n = V::nearest(x);
  const typename V::Float f = V::sub(x, n);     // [-0.5, 0.5]
  typename V::Float p = V::set(1.5403530e-4f);  // Taylor's coefficients of 2^f: ln2^k / k!
  p = V::mul_add(p, f, V::set(1.3333558e-3f));
  p = V::mul_add(p, f, V::set(9.6181291e-3f));
  p = V::mul_add(p, f, V::set(5.5504109e-2f));
  p = V::mul_add(p, f, V::set(2.4022651e-1f));
  p = V::mul_add(p, f, V::set(6.9314718e-1f));
  p = V::mul_add(p, f, V::set(1.0f));
  return V::times_power(p, n);
}

}  // namespace
}  // namespace glmv::kernels
