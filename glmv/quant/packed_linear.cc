#include "glmv/quant/packed_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "glmv/base/mmap.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::quant {
namespace {

using kernels::kPackRows;
using kernels::PackedShape;

// Rows that are read at once: AWQ's words of 8 columns then fill a cache line.
constexpr int64_t kReadRows = 4 * kPackRows;

// From so many rows on, unpacking costs less than it saves.
constexpr int64_t kUnpackRows = 32;
// Output rows that are unpacked at once: enough for the product, 32 MiB for 4096 inputs.
constexpr int64_t kTileRows = 4096;

at::Tensor pack(const QuantizedWeight& weight) {
  const PackedShape& shape = weight.shape();
  at::Tensor packed = at::empty({shape.num_bytes()}, at::kByte);
  advise_huge_pages(packed.mutable_data_ptr(), packed.nbytes());
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
  PackedLinear(const QuantizedWeight& weight, at::Tensor bias, Activations activations)
      : shape_(weight.shape()), packed_(pack(weight)), activations_(activations) {
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
    if (multiplies_unpacked(rows)) return multiply_unpacked(rows.contiguous()).view(sizes);

    const at::Tensor y = at::empty({rows.size(0), shape_.out}, at::kFloat);
    if (rows.size(0) > 0) {
      if (activations_ == Activations::kInt8) {
        multiply_int8(rows.to(at::kFloat).contiguous(), y);
      } else {
        multiply_float(rows.to(at::kFloat).contiguous(), y);
      }
    }
    return (bias_.defined() ? y + bias_ : y).to(x.scalar_type()).view(sizes);
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
  const std::byte* data() const {
    return static_cast<const std::byte*>(packed_.const_data_ptr());
  }

  template <class Product, class Rows>
  void multiply(const Product& product, const Rows& x, const at::Tensor& y) const {
    at::parallel_for(0, shape_.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
      product(shape_, data(), begin, end, x, y.mutable_data_ptr<float>(), shape_.out);
    });
  }

  // Many rows of bf16: unpacking once and multiplying by the library is faster where its bf16
  // product is faster than our products.
  bool multiplies_unpacked(const at::Tensor& rows) const {
    if (rows.scalar_type() != at::kBFloat16 || rows.size(0) < kUnpackRows) return false;
    return kernels::has_bf16_tiles() || activations_ == Activations::kFloat;
  }

  at::Tensor multiply_unpacked(const at::Tensor& rows) const {
    at::Tensor y = at::empty({rows.size(0), shape_.out}, rows.options());
    const int64_t tile_rows = std::min(kTileRows, shape_.num_row_blocks() * kPackRows);
    const at::Tensor tile = at::empty({shape_.in, tile_rows}, rows.options());
    auto* unpacked = reinterpret_cast<uint16_t*>(tile.mutable_data_ptr<at::BFloat16>());
    const at::Tensor bias = bias_.defined() ? bias_.to(at::kBFloat16) : at::Tensor();
    for (int64_t first = 0; first < shape_.out; first += tile_rows) {
      const int64_t n = std::min(tile_rows, shape_.out - first);
      const int64_t first_block = first / kPackRows;
      at::parallel_for(0, (n + kPackRows - 1) / kPackRows, 1, [&](int64_t begin, int64_t end) {
        kernels::kernels().packed_to_bf16(shape_, data(), first_block + begin, first_block + end,
                                          unpacked + begin * kPackRows, tile_rows);
      });
      const at::Tensor weight = tile.narrow(1, 0, n);
      y.narrow(1, first, n).copy_(bias.defined()
                                      ? at::addmm(bias.narrow(0, first, n), rows, weight)
                                      : at::mm(rows, weight));
    }
    return y;
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
    multiply(table.packed_int8, kernels::Int8Rows{px, ps, pt, n}, y);
  }

  void multiply_float(const at::Tensor& rows, const at::Tensor& y) const {
    const int64_t n = rows.size(0);
    at::Tensor grouped = rows.view({n, shape_.num_groups(), shape_.group});
    const at::Tensor sums = grouped.sum(-1).contiguous();
    if (shape_.padded_group() != shape_.group) {
      grouped = at::constant_pad_nd(grouped, {0, shape_.padded_group() - shape_.group});
    }
    const at::Tensor x = grouped.contiguous();
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
                   Activations activations) {
  return Linear(std::move(name),
                std::make_shared<PackedLinear>(weight, std::move(bias), activations));
}

}  // namespace glmv::quant
