#include "glmv/model/kv/int8_rows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace glmv::model {
namespace {

template <class T>
void quantize(const T* x, int64_t n, int8_t* row, float* scale) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < n; ++i) {
    const float size = std::fabs(static_cast<float>(x[i]));
    finite = finite && size <= std::numeric_limits<float>::max();
    largest = std::max(largest, size);
  }
  *scale = finite ? largest / 127 : std::numeric_limits<float>::quiet_NaN();
  const float factor = finite && largest > 0 ? 127 / largest : 0;
  for (int64_t i = 0; i < n; ++i) {
    row[i] = finite ? static_cast<int8_t>(std::nearbyint(static_cast<float>(x[i]) * factor)) : 0;
  }
}

}  // namespace

void quantize_kv_row(const at::Tensor& x, int64_t first, int64_t n, int8_t* row, float* scale) {
  if (x.scalar_type() == at::kBFloat16) {
    quantize(x.const_data_ptr<at::BFloat16>() + first, n, row, scale);
  } else {
    quantize(x.const_data_ptr<float>() + first, n, row, scale);
  }
}

at::Tensor dequantize_kv_rows(const at::Tensor& stored, int64_t rows, int64_t n,
                              at::ScalarType dtype) {
  std::vector<int64_t> shape(stored.sizes().begin(), stored.sizes().end() - 1);
  shape.insert(shape.end(), {rows, n});
  const at::Tensor values = stored.narrow(-1, 0, rows * n).reshape(shape);
  shape.back() = 1;
  const at::Tensor scales = stored.narrow(-1, rows * n, rows * static_cast<int64_t>(sizeof(float)))
                                .contiguous()
                                .view(at::kFloat)
                                .view(shape);
  return (values.to(at::kFloat) * scales).to(dtype);
}

}  // namespace glmv::model
