#include "glmv/quant/packed_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "glmv/base/mmap.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/quant/tile_products.h"

namespace glmv::quant {
namespace {

using kernels::kPackRows;
using kernels::PackedShape;

// Rows that are read at once: AWQ's words of 8 columns then fill a cache line.
constexpr int64_t kReadRows = 4 * kPackRows;

at::Tensor pack(const QuantizedWeight& weight, at::Tensor packed) {
  const PackedShape& shape = weight.shape();
  if (!packed.defined()) {
    packed = at::empty({shape.num_bytes()}, at::kByte);
    advise_huge_pages(packed.mutable_data_ptr(), packed.nbytes());
  }
  auto* bytes = static_cast<std::byte*>(packed.mutable_data_ptr());
  at::parallel_for(0, (shape.out + kReadRows - 1) / kReadRows, 1, [&](int64_t begin, int64_t end) {
    QuantizedRows rows;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = chunk * kReadRows;
      const int64_t n = std::min(kReadRows, shape.out - first);
      weight.read(first, n, rows);
      for (int64_t r = 0; r < n; r += kPackRows) {
        kernels::pack_rows(shape, static_cast<int>(std::min<int64_t>(kPackRows, n - r)),
                           &rows.q[r * shape.in], &rows.scales[r * shape.num_groups()],
                           &rows.zeros[r * shape.num_groups()],
                           bytes + (first + r) / kPackRows * shape.row_block_bytes());
      }
    }
  });
  return packed;
}

class PackedLinear final : public LinearMethod {
 public:
  PackedLinear(const QuantizedWeight& weight, at::Tensor bias, Activations activations,
               at::Tensor memory)
      : shape_(weight.shape()),
        packed_(pack(weight, std::move(memory))),
        activations_(activations) {
    if (!weight.input_order().empty()) {
      order_ = at::tensor(at::ArrayRef<int64_t>(weight.input_order()), at::kLong);
    }
    if (bias.defined()) bias_ = bias.to(at::kFloat);
  }

  at::Tensor apply(const at::Tensor& x) const override {
    at::Tensor rows = x.reshape({-1, shape_.in});
    if (order_.defined()) rows = rows.index_select(1, order_);
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = shape_.out;
    return (takes_tiles(rows) ? multiply_tiles(rows) : multiply_rows(rows)).view(sizes);
  }

  at::Tensor apply_gated(const LinearMethod& other, const at::Tensor& x) const override {
    const auto* up = dynamic_cast<const PackedLinear*>(&other);
    const at::Tensor rows = x.reshape({-1, shape_.in});
    if (up == nullptr || !is_plain() || !up->is_plain() || !(shape_ == up->shape_) ||
        !takes_tiles(rows) || !takes_gated_tiles(shape_, rows.size(0))) {
      return LinearMethod::apply_gated(other, x);
    }
    const at::Tensor y = at::empty({rows.size(0), shape_.out}, rows.options());
    multiply_gated_tiles(shape_, data(), up->data(), rows, y);
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = shape_.out;
    return y.view(sizes);
  }

  std::vector<std::pair<std::string, at::Tensor>> tensors() const override {
    at::Tensor weight = at::empty({shape_.num_row_blocks() * kPackRows, shape_.in}, at::kFloat);
    for (int64_t b = 0; b < shape_.num_row_blocks(); ++b) {
      kernels::unpack_rows(shape_, data() + b * shape_.row_block_bytes(),
                           weight.mutable_data_ptr<float>() + b * kPackRows * shape_.in);
    }
    weight = weight.narrow(0, 0, shape_.out);
    if (order_.defined()) weight = weight.index_select(1, order_.argsort());
    std::vector<std::pair<std::string, at::Tensor>> out = {{"weight", weight.to(at::kBFloat16)}};
    if (bias_.defined()) out.emplace_back("bias", bias_.to(at::kBFloat16));
    return out;
  }

 private:
  // Integer activations in their order, no bias.
  bool is_plain() const {
    return activations_ == Activations::kInt8 && !order_.defined() && !bias_.defined();
  }

  bool takes_tiles(const at::Tensor& rows) const {
    const bool half = rows.scalar_type() == at::kBFloat16;
    return activations_ == Activations::kInt8
               ? takes_int8_tiles(shape_, rows.size(0)) &&
                     (half || rows.scalar_type() == at::kFloat)
               : takes_bf16_tiles(shape_, rows.size(0)) && half;
  }

  // Rows [n, in] in one pass: what comes out has their dtype already.
  at::Tensor multiply_tiles(const at::Tensor& rows) const {
    at::Tensor y = at::empty({rows.size(0), shape_.out}, rows.options());
    if (activations_ == Activations::kInt8) {
      multiply_int8_tiles(shape_, data(), rows, bias_, y);
    } else {
      multiply_bf16_tiles(shape_, data(), rows, bias_, y);
    }
    return y;
  }

  at::Tensor multiply_rows(const at::Tensor& rows) const {
    const at::Tensor y = at::empty({rows.size(0), shape_.out}, at::kFloat);
    if (rows.size(0) > 0) {
      const at::Tensor floats = rows.to(at::kFloat).contiguous();
      if (activations_ == Activations::kInt8) {
        multiply_int8(floats, y);
      } else {
        multiply_float(floats, y);
      }
    }
    return (bias_.defined() ? y + bias_ : y).to(rows.scalar_type());
  }

  const std::byte* data() const {
    return static_cast<const std::byte*>(packed_.const_data_ptr());
  }

  template <class Product, class Rows>
  void multiply(const Product& product, const Rows& x, const at::Tensor& y) const {
    at::parallel_for(0, shape_.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
      product(shape_, data(), begin, end, x, y.mutable_data_ptr<float>(), shape_.out);
    });
  }

  // Rows [n, in] with every group padded to whole steps.
  at::Tensor padded(const at::Tensor& rows) const {
    const int64_t more = shape_.padded_group() - shape_.group;
    if (more == 0) return rows;
    const at::Tensor grouped = rows.view({rows.size(0), shape_.num_groups(), shape_.group});
    return at::constant_pad_nd(grouped, {0, more}).view({rows.size(0), shape_.padded_in()});
  }

  void multiply_int8(const at::Tensor& rows, const at::Tensor& y) const {
    const int64_t n = rows.size(0);
    const int64_t groups = shape_.num_groups();
    const at::Tensor q = at::empty({n, shape_.padded_in()}, at::kChar);
    const at::Tensor scales = at::empty({n, groups}, at::kFloat);
    const at::Tensor sums = at::empty({n, groups}, at::kInt);
    const kernels::KernelTable& table = kernels::kernels();
    const float* x = rows.const_data_ptr<float>();
    auto* px = q.mutable_data_ptr<int8_t>();
    auto* ps = scales.mutable_data_ptr<float>();
    auto* pt = sums.mutable_data_ptr<int32_t>();
    at::parallel_for(0, n, 4, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        table.quantize_row(shape_, x + r * shape_.in, px + r * shape_.padded_in(), ps + r * groups,
                           pt + r * groups);
      }
    });
    const kernels::Int8Rows quantised = {px, ps, pt, n};
    multiply(table.packed_int8, quantised, y);
  }

  void multiply_float(const at::Tensor& rows, const at::Tensor& y) const {
    const int64_t n = rows.size(0);
    const at::Tensor sums =
        rows.view({n, shape_.num_groups(), shape_.group}).sum(-1).contiguous();
    const at::Tensor x = padded(rows);
    multiply(kernels::kernels().packed_float,
             kernels::FloatRows{x.const_data_ptr<float>(), sums.const_data_ptr<float>(), n}, y);
  }

  PackedShape shape_;
  at::Tensor packed_;  // uint8 [num_bytes]
  at::Tensor order_;   // int64 [in], or undefined
  at::Tensor bias_;    // fp32 [out], or undefined
  Activations activations_;
};

}  // namespace

Linear make_packed(std::string name, const QuantizedWeight& weight, at::Tensor bias,
                   Activations activations, at::Tensor memory) {
  return Linear(std::move(name), std::make_shared<PackedLinear>(weight, std::move(bias),
                                                                activations, std::move(memory)));
}

}  // namespace glmv::quant
