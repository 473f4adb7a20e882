// AutoAWQ, version "gemm": qweight int32 [in, out/8], qzeros int32 [in/g, out/8], scales fp16
// [in/g, out]. Nibble kNibbleOfColumn[j] of a word holds column j of its eight.

#include <ATen/ATen.h>

#include "glmv/quant/formats.h"
#include "glmv/quant/unpack_words.h"

namespace glmv::quant {
namespace {

constexpr int kNibbleOfColumn[8] = {0, 4, 1, 5, 2, 6, 3, 7};

class AwqWeight final : public QuantizedWeight {
 public:
  AwqWeight(kernels::PackedShape shape, at::Tensor qweight, at::Tensor qzeros, at::Tensor scales)
      : QuantizedWeight(shape),
        qweight_(std::move(qweight)),
        qzeros_(std::move(qzeros)),
        scales_(std::move(scales)) {}

  void read(int64_t begin, int64_t n, QuantizedRows& rows) const override {
    const int64_t groups = shape_.num_groups();
    rows.q.resize(n * shape_.in);
    rows.scales.resize(n * groups);
    rows.zeros.resize(n * groups);
    unpack(qweight_, shape_.in, begin, n, rows.q.data());
    unpack(qzeros_, groups, begin, n, rows.zeros.data());
    const float* scales = scales_.const_data_ptr<float>();
    for (int64_t g = 0; g < groups; ++g) {
      for (int64_t r = 0; r < n; ++r) {
        rows.scales[r * groups + g] = scales[g * shape_.out + begin + r];
      }
    }
  }

 private:
  // Columns [begin, begin + n) of a packed matrix [num, out/8], as out[r, k].
  void unpack(const at::Tensor& packed, int64_t num, int64_t begin, int64_t n, uint8_t* out) const {
    const auto* words = reinterpret_cast<const uint32_t*>(packed.const_data_ptr<int32_t>());
    const int64_t width = shape_.out / 8;
    int64_t k = 0;
    if (begin % 8 == 0 && n % 8 == 0) {
      // Eight words of eight columns at a time: turned round, a word holds eight inputs of a row.
      for (; k + 8 <= num; k += 8) {
        for (int64_t r = 0; r < n; r += 8) {
          uint32_t square[8];
          for (int i = 0; i < 8; ++i) square[i] = words[(k + i) * width + (begin + r) / 8];
          transpose_nibbles(square);
          for (int j = 0; j < 8; ++j) {
            spread_nibbles(square[kNibbleOfColumn[j]], out + (r + j) * num + k);
          }
        }
      }
    }
    for (; k < num; ++k) {
      for (int64_t r = 0; r < n; ++r) {
        const int64_t column = begin + r;
        out[r * num + k] = words[k * width + column / 8] >> (4 * kNibbleOfColumn[column % 8]) & 15;
      }
    }
  }

  at::Tensor qweight_, qzeros_;
  at::Tensor scales_;  // fp32
};

}  // namespace

Result<QuantizedWeightPtr> read_awq(tensor::WeightSource& source, const std::string& name) {
  GLMV_ASSIGN(const at::Tensor qweight, source.take_stored(name + ".qweight", {at::kInt}, 2));
  GLMV_ASSIGN(const at::Tensor qzeros, source.take_stored(name + ".qzeros", {at::kInt}, 2));
  GLMV_ASSIGN(const at::Tensor scales,
              source.take_stored(name + ".scales", {at::kHalf, at::kBFloat16, at::kFloat}, 2));
  const int64_t in = qweight.size(0);
  const int64_t out = qweight.size(1) * 8;
  const int64_t groups = qzeros.size(0);
  if (groups == 0 || in % groups != 0 || qzeros.size(1) != qweight.size(1)) {
    return invalid_argument(
        "tensor \"{}.qzeros\" [{}, {}] does not fit qweight [{}, {}]: the "
        "groups must divide the inputs and the columns be the same",
        name, groups, qzeros.size(1), in, qweight.size(1));
  }
  if (scales.size(0) != groups || scales.size(1) != out) {
    return invalid_argument(
        "tensor \"{}.scales\" has shape [{}, {}], qweight and qzeros imply "
        "[{}, {}]",
        name, scales.size(0), scales.size(1), groups, out);
  }
  GLMV_RETURN_IF_ERROR(check_finite(scales, name + ".scales"));
  return std::make_unique<AwqWeight>(
      kernels::PackedShape{.out = out, .in = in, .group = in / groups, .bits = 4},
      qweight.contiguous(), qzeros.contiguous(), scales.to(at::kFloat).contiguous());
}

}  // namespace glmv::quant
