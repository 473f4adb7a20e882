#include "glmv/train/autograd_ops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "glmv/base/every_isa.h"
#include "glmv/tensor/ops.h"

namespace glmv::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// Partial sums, so that the compiler may keep them in one vector register.
constexpr int64_t kLanes = 16;

GLMV_EVERY_ISA void norm_rows(const float* x, const float* weight, float* y, float* scales,
                              int64_t rows, int64_t width, float eps) {
  for (int64_t r = 0; r < rows; ++r, x += width, y += width) {
    float lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l] * x[i + l];
    }
    float sum = 0;
    for (; i < width; ++i) sum += x[i] * x[i];
    for (float lane : lanes) sum += lane;
    const float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + eps);
    scales[r] = scale;
    for (int64_t j = 0; j < width; ++j) y[j] = weight[j] * (x[j] * scale);
  }
}

// dx = s (w g - x s^2 mean(x w g)), dw += g x s.
GLMV_EVERY_ISA void norm_rows_backward(const float* grad, const float* x, const float* weight,
                                       const float* scales, float* grad_x, float* grad_weight,
                                       int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r, x += width, grad += width, grad_x += width) {
    float lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l] * weight[i + l] * grad[i + l];
    }
    float sum = 0;
    for (; i < width; ++i) sum += x[i] * weight[i] * grad[i];
    for (float lane : lanes) sum += lane;
    const float s = scales[r];
    const float back = s * s * sum / static_cast<float>(width);
    for (int64_t j = 0; j < width; ++j) {
      grad_x[j] = s * (weight[j] * grad[j] - x[j] * back);
      grad_weight[j] += grad[j] * (x[j] * s);
    }
  }
}

class RmsNorm : public Function<RmsNorm> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& weight,
                          double eps) {
    const at::Tensor x = input.contiguous();
    const int64_t width = x.size(-1);
    const int64_t rows = x.numel() / width;
    at::Tensor y = at::empty_like(x);
    at::Tensor scales = at::empty({rows}, x.options());
    const float* px = x.const_data_ptr<float>();
    const float* pw = weight.const_data_ptr<float>();
    float* py = y.mutable_data_ptr<float>();
    float* ps = scales.mutable_data_ptr<float>();
    at::parallel_for(0, rows, rows_per_task(width), [&](int64_t begin, int64_t end) {
      norm_rows(px + begin * width, pw, py + begin * width, ps + begin, end - begin, width,
                static_cast<float>(eps));
    });
    context->save_for_backward({x, weight, scales});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor grad = grads[0].contiguous();
    const int64_t width = x.size(-1);
    const int64_t rows = x.numel() / width;
    // Fixed blocks, so that the order of the sum does not depend on the number of threads.
    const int64_t per_block = rows_per_task(width);
    const int64_t blocks = (rows + per_block - 1) / per_block;
    at::Tensor grad_x = at::empty_like(x);
    at::Tensor partial = at::zeros({blocks, width}, x.options());
    const float* pg = grad.const_data_ptr<float>();
    const float* px = x.const_data_ptr<float>();
    const float* pw = weight.const_data_ptr<float>();
    const float* ps = saved[2].const_data_ptr<float>();
    float* pgx = grad_x.mutable_data_ptr<float>();
    float* pp = partial.mutable_data_ptr<float>();
    at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; ++block) {
        const int64_t begin = block * per_block;
        const int64_t count = std::min(per_block, rows - begin);
        norm_rows_backward(pg + begin * width, px + begin * width, pw, ps + begin,
                           pgx + begin * width, pp + block * width, count, width);
      }
    });
    return {grad_x, partial.sum(0), Variable()};
  }

 private:
  static int64_t rows_per_task(int64_t width) { return std::max<int64_t>(1, 32768 / width); }
};

struct RopeShape {
  int64_t tokens, heads, width, half;
  bool interleaved;
  float sign;  // -1 turns back
};

GLMV_EVERY_ISA void rotate(const float* x, int64_t token_stride, int64_t head_stride,
                           const float* cos, const float* sin, float* y, const RopeShape& shape,
                           int64_t begin, int64_t end) {
  const int64_t half = shape.half;
  const int64_t first = shape.interleaved ? 2 : 1;      // step from pair to pair
  const int64_t second = shape.interleaved ? 1 : half;  // from a pair's first to its second
  for (int64_t t = begin; t < end; ++t) {
    const float* c = cos + t * half;
    const float* s = sin + t * half;
    for (int64_t h = 0; h < shape.heads; ++h) {
      const float* in = x + t * token_stride + h * head_stride;
      float* out = y + (t * shape.heads + h) * shape.width;
      for (int64_t i = 0; i < half; ++i) {
        const float a = in[i * first];
        const float b = in[i * first + second];
        const float sine = shape.sign * s[i];
        out[i * first] = a * c[i] - b * sine;
        out[i * first + second] = b * c[i] + a * sine;
      }
      for (int64_t i = 2 * half; i < shape.width; ++i) out[i] = in[i];
    }
  }
}

class Rope : public Function<Rope> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& cos,
                          const Variable& sin, bool interleaved) {
    context->save_for_backward({cos, sin});
    context->saved_data["interleaved"] = interleaved;
    return rotated(x, cos, sin, interleaved, 1.0f);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const bool interleaved = context->saved_data["interleaved"].toBool();
    return {rotated(grads[0], saved[0], saved[1], interleaved, -1.0f), Variable(), Variable(),
            Variable()};
  }

 private:
  static at::Tensor rotated(const at::Tensor& input, const at::Tensor& cos, const at::Tensor& sin,
                            bool interleaved, float sign) {
    const at::Tensor x = input.stride(-1) == 1 ? input : input.contiguous();
    const at::Tensor c = cos.contiguous();
    const at::Tensor s = sin.contiguous();
    at::Tensor y = at::empty(x.sizes(), x.options());
    const RopeShape shape = {x.size(0), x.size(1), x.size(2), c.size(-1), interleaved, sign};
    const int64_t grain = std::max<int64_t>(1, 16384 / (shape.heads * shape.width));
    at::parallel_for(0, shape.tokens, grain, [&](int64_t begin, int64_t end) {
      rotate(x.const_data_ptr<float>(), x.stride(0), x.stride(1), c.const_data_ptr<float>(),
             s.const_data_ptr<float>(), y.mutable_data_ptr<float>(), shape, begin, end);
    });
    return y;
  }
};

at::Tensor fused_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNorm::apply(x, weight, eps);
}

at::Tensor fused_rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                      bool interleaved) {
  return Rope::apply(x, cos, sin, interleaved);
}

}  // namespace

void install_training_ops() {
  static constexpr tensor::TrainingOps kOps = {&fused_rms_norm, &fused_rope};
  tensor::set_training_ops(&kOps);
}

}  // namespace glmv::train
