// Weights in the blocks of GGUF files (glmv/checkpoint/ggml_blocks.h): "<name>.weight_q8_0" and the
// like, bytes [out, bytes of a row].

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "glmv/checkpoint/ggml_blocks.h"
#include "glmv/quant/formats.h"

namespace glmv::quant {
namespace {

using checkpoint::GgmlGroups;
using checkpoint::GgmlRow;
using checkpoint::GgmlType;

class GgufWeight final : public QuantizedWeight {
 public:
  GgufWeight(kernels::PackedShape shape, GgmlType type, at::Tensor blocks)
      : QuantizedWeight(shape), type_(type), blocks_(std::move(blocks)) {
    has_offsets_ = checkpoint::ggml_groups(type)->has_offsets;
  }

  void read(int64_t begin, int64_t n, QuantizedRows& rows) const override {
    const int64_t num_blocks = n * shape_.in / checkpoint::ggml_row(type_).elements;
    rows.q.resize(n * shape_.in);
    rows.scales.resize(n * shape_.num_groups());
    rows.zeros.assign(rows.scales.size(), checkpoint::ggml_groups(type_)->zero);
    rows.offsets.resize(has_offsets_ ? rows.scales.size() : 0);
    const auto* first = static_cast<const std::byte*>(blocks_.const_data_ptr());
    checkpoint::unpack_blocks(type_, first + begin * blocks_.size(1), num_blocks, rows.q.data(),
                              rows.scales.data(), has_offsets_ ? rows.offsets.data() : nullptr);
    for (size_t i = 0; i < rows.offsets.size(); ++i) centre(rows, i);
  }

 private:
  // The nearest integer zero point takes most of an offset: what rounds activations then meets
  // weights around 0.
  static void centre(QuantizedRows& rows, size_t i) {
    const float scale = rows.scales[i];
    if (scale == 0) return;
    const float zero = std::clamp(std::nearbyint(rows.offsets[i] / scale), 0.0f, 255.0f);
    rows.zeros[i] = static_cast<uint8_t>(zero);
    rows.offsets[i] -= zero * scale;
  }

  GgmlType type_;
  at::Tensor blocks_;  // uint8 [out, bytes of a row]
};

Result<QuantizedWeightPtr> read_blocks(tensor::WeightSource& source, const std::string& linear,
                                       GgmlType type) {
  const GgmlRow& row = checkpoint::ggml_row(type);
  const GgmlGroups groups = *checkpoint::ggml_groups(type);
  const std::string name = linear + ".weight" + std::string(row.ending);
  GLMV_ASSIGN(at::Tensor blocks, source.take_stored(name, {at::kByte}, 2));
  blocks = blocks.contiguous();
  const int64_t out = blocks.size(0);
  const int64_t in = blocks.size(1) / row.bytes * row.elements;
  if (out == 0 || in == 0 || blocks.size(1) % row.bytes != 0) {
    return invalid_argument("tensor \"{}\" has shape [{}, {}]: its rows are no blocks of {} bytes",
                            name, out, blocks.size(1), row.bytes);
  }
  std::atomic<bool> finite = true;
  const auto* first = static_cast<const std::byte*>(blocks.const_data_ptr());
  at::parallel_for(0, out, 64, [&](int64_t begin, int64_t end) {
    if (!checkpoint::has_finite_scales(type, first + begin * blocks.size(1),
                                       (end - begin) * blocks.size(1) / row.bytes)) {
      finite = false;
    }
  });
  if (!finite) {
    return invalid_argument(
        "tensor \"{}\" holds scales that are no numbers; the file is damaged "
        "or was written by a failed quantiser",
        name);
  }
  return std::make_unique<GgufWeight>(
      kernels::PackedShape{.out = out, .in = in, .group = groups.group, .bits = groups.bits}, type,
      std::move(blocks));
}

}  // namespace

Result<QuantizedWeightPtr> read_q4_0(tensor::WeightSource& source, const std::string& name) {
  return read_blocks(source, name, GgmlType::kQ4_0);
}

Result<QuantizedWeightPtr> read_q8_0(tensor::WeightSource& source, const std::string& name) {
  return read_blocks(source, name, GgmlType::kQ8_0);
}

Result<QuantizedWeightPtr> read_q4_k(tensor::WeightSource& source, const std::string& name) {
  return read_blocks(source, name, GgmlType::kQ4_K);
}

Result<QuantizedWeightPtr> read_q6_k(tensor::WeightSource& source, const std::string& name) {
  return read_blocks(source, name, GgmlType::kQ6_K);
}

}  // namespace glmv::quant
