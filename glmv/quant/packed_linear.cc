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

struct Packed {
  at::Tensor weight;   // uint8 [num_bytes]
  at::Tensor offsets;  // fp32 [out, groups], or undefined
};

Packed pack(const QuantizedWeight& weight, at::Tensor packed) {
  const PackedShape& shape = weight.shape();
  at::Tensor offsets;
  if (weight.has_offsets()) offsets = at::empty({shape.out, shape.num_groups()}, at::kFloat);
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
      if (offsets.defined()) {
        std::ranges::copy(rows.offsets,
                          offsets.mutable_data_ptr<float>() + first * shape.num_groups());
      }
      for (int64_t r = 0; r < n; r += kPackRows) {
        kernels::pack_rows(shape, static_cast<int>(std::min<int64_t>(kPackRows, n - r)),
                           &rows.q[r * shape.in], &rows.scales[r * shape.num_groups()],
                           &rows.zeros[r * shape.num_groups()],
                           bytes + (first + r) / kPackRows * shape.row_block_bytes());
      }
    }
  });
  return {std::move(packed), std::move(offsets)};
}

class PackedLinear final : public LinearMethod, public RangeProduct {
 public:
  PackedLinear(const QuantizedWeight& weight, at::Tensor bias, Activations activations,
               at::Tensor memory)
      : shape_(weight.shape()), activations_(activations) {
    Packed packed = pack(weight, std::move(memory));
    packed_ = std::move(packed.weight);
    offsets_ = std::move(packed.offsets);
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
    const bool tiles = takes_tiles(rows.size(0), rows.scalar_type());
    const at::Tensor y = tiles ? multiply_tiles(rows) : multiply_rows(rows);
    if (offsets_.defined()) y.sub_(at::linear(group_sums(rows), offsets_));
    return y.to(rows.scalar_type()).view(sizes);
  }

  at::Tensor apply_gated(const LinearMethod& other, const at::Tensor& x) const override {
    const auto* up = dynamic_cast<const PackedLinear*>(&other);
    const at::Tensor rows = x.reshape({-1, shape_.in});
    if (up == nullptr || !is_plain() || !up->is_plain() || !(shape_ == up->shape_) ||
        !takes_tiles(rows.size(0), rows.scalar_type()) ||
        !takes_gated_tiles(shape_, rows.size(0))) {
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
    if (offsets_.defined()) {
      weight.view({shape_.out, shape_.num_groups(), -1}).sub_(offsets_.unsqueeze(-1));
    }
    if (order_.defined()) weight = weight.index_select(1, order_.argsort());
    std::vector<std::pair<std::string, at::Tensor>> out = {{"weight", weight.to(at::kBFloat16)}};
    if (bias_.defined()) out.emplace_back("bias", bias_.to(at::kBFloat16));
    return out;
  }

  const RangeProduct* ranges(at::ScalarType) const override {
    return order_.defined() || bias_.defined() || offsets_.defined() ? nullptr : this;
  }
  int64_t in() const override { return shape_.in; }
  int64_t out() const override { return shape_.out; }

  OperandSpec operand(int64_t num_rows, at::ScalarType x) const override {
    Layout layout = activations_ == Activations::kInt8 ? Layout::kInt8 : Layout::kFloat;
    if (takes_tiles(num_rows, x)) {
      layout = activations_ == Activations::kInt8 ? Layout::kInt8Tiles
               : has_own_bf16_tiles(shape_)       ? Layout::kBf16Tiles
                                                  : Layout::kBf16;
    }
    return {layout, shape_.in, shape_.group};
  }

  void multiply(const Operand& x, int64_t begin, int64_t end, float* y,
                int64_t ldy) const override {
    const int64_t first = begin / kPackRows, last = (end + kPackRows - 1) / kPackRows;
    const kernels::KernelTable& table = kernels::kernels();
    y -= begin;  // the kernels count columns from the weight's first row
    const kernels::TileOutput out = {.y = y, .ldy = ldy};
    switch (x.layout) {
      case Layout::kInt8:
        return table.packed_int8(shape_, data(), first, last, x.int8_rows(), y, ldy);
      case Layout::kInt8Tiles:
        return multiply_int8_blocks(shape_, data(), first, last, x.int8_tiles(), out);
      case Layout::kBf16Tiles:
        return multiply_bf16_blocks(shape_, data(), first, last, x.bf16_tiles(), out);
      case Layout::kBf16:
        return multiply_by_brgemm(shape_, data(), first, last, x.bf16(), x.num_rows, out);
      default:
        return table.packed_float(shape_, data(), first, last, x.float_rows(), y, ldy);
    }
  }

 private:
  // Integer activations in their order, nothing added.
  bool is_plain() const {
    return activations_ == Activations::kInt8 && !order_.defined() && !bias_.defined() &&
           !offsets_.defined();
  }

  // [n, in] -> fp32 [n, groups].
  at::Tensor group_sums(const at::Tensor& rows) const {
    return rows.to(at::kFloat).view({rows.size(0), shape_.num_groups(), -1}).sum(-1);
  }

  bool takes_tiles(int64_t num_rows, at::ScalarType dtype) const {
    const bool half = dtype == at::kBFloat16;
    return activations_ == Activations::kInt8
               ? takes_int8_tiles(shape_, num_rows) && (half || dtype == at::kFloat)
               : takes_bf16_tiles(shape_, num_rows) && half;
  }

  // Rows [n, in] in one pass: what comes out has their dtype already, or fp32 where offsets are
  // still to be taken away.
  at::Tensor multiply_tiles(const at::Tensor& rows) const {
    const auto dtype = offsets_.defined() ? at::kFloat : rows.scalar_type();
    at::Tensor y = at::empty({rows.size(0), shape_.out}, rows.options().dtype(dtype));
    if (activations_ == Activations::kInt8) {
      multiply_int8_tiles(shape_, data(), rows, bias_, y);
    } else {
      multiply_bf16_tiles(shape_, data(), rows, bias_, y);
    }
    return y;
  }

  at::Tensor multiply_rows(const at::Tensor& rows) const {
    const int64_t n = rows.size(0);
    const at::Tensor y = at::empty({n, shape_.out}, at::kFloat);
    if (n > 0) {
      const OperandRun run = {operand(n, rows.scalar_type()), 0, n};
      const Operands operands(rows, {&run, 1});
      auto* py = y.mutable_data_ptr<float>();
      at::parallel_for(0, shape_.num_row_blocks(), 1, [&](int64_t begin, int64_t end) {
        begin *= kPackRows;
        multiply(operands[0], begin, std::min(end * kPackRows, shape_.out), py + begin, shape_.out);
      });
    }
    return bias_.defined() ? y + bias_ : y;
  }

  const std::byte* data() const { return static_cast<const std::byte*>(packed_.const_data_ptr()); }

  PackedShape shape_;
  at::Tensor packed_;   // uint8 [num_bytes]
  at::Tensor offsets_;  // fp32 [out, groups], or undefined
  at::Tensor order_;    // int64 [in], or undefined
  at::Tensor bias_;     // fp32 [out], or undefined
  Activations activations_;
};

}  // namespace

Linear make_packed(std::string name, const QuantizedWeight& weight, at::Tensor bias,
                   Activations activations, at::Tensor memory) {
  return Linear(std::move(name), std::make_shared<PackedLinear>(weight, std::move(bias),
                                                                activations, std::move(memory)));
}

}  // namespace glmv::quant
