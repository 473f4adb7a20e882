// compressed-tensors, format "pack-quantized", 4 or 8 bits: weight_packed int32 [out, words of in],
// lowest input in the lowest bits, values offset by half their range; weight_scale [out, groups];
// weight_zero_point int32 [words of out, groups], packed along dim 0 (only asymmetric);
// weight_g_idx int32 [in], the group of each input (only with activation order); weight_shape.

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "glmv/quant/formats.h"
#include "glmv/quant/unpack_words.h"

namespace glmv::quant {
namespace {

class PackQuantized final : public QuantizedWeight {
 public:
  PackQuantized(kernels::PackedShape shape, at::Tensor packed, at::Tensor scales, at::Tensor zeros,
                std::vector<int64_t> input_order)
      : QuantizedWeight(shape),
        packed_(std::move(packed)),
        scales_(std::move(scales)),
        zeros_(std::move(zeros)) {
    input_order_ = std::move(input_order);
  }

  void read(int64_t begin, int64_t n, QuantizedRows& rows) const override {
    const int64_t groups = shape_.num_groups();
    rows.q.resize(n * shape_.in);
    const auto* words = reinterpret_cast<const uint32_t*>(packed_.const_data_ptr<int32_t>());
    const int64_t width = packed_.size(1);
    for (int64_t r = 0; r < n; ++r) {
      const uint32_t* row = words + (begin + r) * width;
      int64_t k = 0;
      if (input_order_.empty() && shape_.bits == 4) {
        for (; k + 8 <= shape_.in; k += 8) spread_nibbles(row[k / 8], &rows.q[r * shape_.in + k]);
      } else if (input_order_.empty()) {
        k = shape_.in / 4 * 4;  // the bytes of the words lie in order
        std::memcpy(&rows.q[r * shape_.in], row, k);
      }
      for (; k < shape_.in; ++k) {
        rows.q[r * shape_.in + k] = value_at(row, input_order_.empty() ? k : input_order_[k], 1);
      }
    }
    const float* scales = scales_.const_data_ptr<float>();
    rows.scales.assign(scales + begin * groups, scales + (begin + n) * groups);
    rows.zeros.assign(n * groups, static_cast<uint8_t>(1 << (shape_.bits - 1)));
    if (!zeros_.defined()) return;
    const auto* zeros = reinterpret_cast<const uint32_t*>(zeros_.const_data_ptr<int32_t>());
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t g = 0; g < groups; ++g) {
        rows.zeros[r * groups + g] = value_at(zeros + g, begin + r, groups);
      }
    }
  }

 private:
  // Value i of words `stride` apart.
  uint8_t value_at(const uint32_t* words, int64_t i, int64_t stride) const {
    const int64_t per_word = 32 / shape_.bits;
    return words[i / per_word * stride] >> (i % per_word * shape_.bits) & ((1 << shape_.bits) - 1);
  }

  at::Tensor packed_, scales_, zeros_;
};

// Inputs ordered by their group; empty when they are already. Every group must have `group` inputs.
Result<std::vector<int64_t>> order_of(const at::Tensor& g_idx, int64_t group,
                                      const std::string& name) {
  std::vector<int64_t> order(g_idx.size(0));
  std::iota(order.begin(), order.end(), 0);
  const int32_t* ids = g_idx.const_data_ptr<int32_t>();
  if (std::all_of(ids, ids + order.size(), [](int32_t id) { return id == -1; })) {
    return std::vector<int64_t>();
  }
  std::ranges::stable_sort(order, [ids](int64_t a, int64_t b) { return ids[a] < ids[b]; });
  for (size_t i = 0; i < order.size(); ++i) {
    if (ids[order[i]] != static_cast<int64_t>(i) / group) {
      return invalid_argument("tensor \"{}\": groups must be 0 to {} with {} inputs each", name,
                              static_cast<int64_t>(order.size()) / group - 1, group);
    }
  }
  if (std::ranges::is_sorted(order)) order.clear();
  return order;
}

}  // namespace

Result<QuantizedWeightPtr> read_pack_quantized(tensor::WeightSource& source,
                                               const std::string& name) {
  const int bits = source.options().quantization.bits;
  const auto floats = {at::kHalf, at::kBFloat16, at::kFloat};
  GLMV_ASSIGN(const at::Tensor packed, source.take_stored(name + ".weight_packed", {at::kInt}, 2));
  GLMV_ASSIGN(const at::Tensor scales, source.take_stored(name + ".weight_scale", floats, 2));
  GLMV_ASSIGN(const at::Tensor shape_tensor,
              source.take_stored(name + ".weight_shape", {at::kLong}, 1));
  if (shape_tensor.size(0) != 2) {
    return invalid_argument("tensor \"{}.weight_shape\" must hold two numbers", name);
  }
  const int64_t out = shape_tensor[0].item<int64_t>();
  const int64_t in = shape_tensor[1].item<int64_t>();
  const int64_t per_word = 32 / bits;
  const int64_t groups = scales.size(1);
  if (packed.size(0) != out || in <= 0 || packed.size(1) != (in + per_word - 1) / per_word) {
    return invalid_argument(
        "tensor \"{}.weight_packed\" has shape [{}, {}], but weight_shape is "
        "[{}, {}] with {} bits each",
        name, packed.size(0), packed.size(1), out, in, bits);
  }
  if (scales.size(0) != out || groups == 0 || in % groups != 0) {
    return invalid_argument(
        "tensor \"{}.weight_scale\" has shape [{}, {}]: expected {} rows and a "
        "number of groups that divides {}",
        name, scales.size(0), groups, out, in);
  }
  GLMV_RETURN_IF_ERROR(check_finite(scales, name + ".weight_scale"));
  at::Tensor zeros;
  if (source.has(name + ".weight_zero_point")) {
    GLMV_ASSIGN(zeros, source.take_stored(name + ".weight_zero_point", {at::kInt}, 2));
    if (zeros.size(0) != (out + per_word - 1) / per_word || zeros.size(1) != groups) {
      return invalid_argument(
          "tensor \"{}.weight_zero_point\" has shape [{}, {}], expected "
          "[{}, {}]",
          name, zeros.size(0), zeros.size(1), (out + per_word - 1) / per_word, groups);
    }
    zeros = zeros.contiguous();
  }
  std::vector<int64_t> order;
  if (source.has(name + ".weight_g_idx")) {
    GLMV_ASSIGN(const at::Tensor g_idx, source.take_stored(name + ".weight_g_idx", {at::kInt}, 1));
    if (g_idx.size(0) != in) {
      return invalid_argument("tensor \"{}.weight_g_idx\" has {} entries for {} inputs", name,
                              g_idx.size(0), in);
    }
    GLMV_ASSIGN(order, order_of(g_idx.contiguous(), in / groups, name + ".weight_g_idx"));
  }
  return std::make_unique<PackQuantized>(
      kernels::PackedShape{.out = out, .in = in, .group = in / groups, .bits = bits},
      packed.contiguous(), scales.to(at::kFloat).contiguous(), std::move(zeros), std::move(order));
}

}  // namespace glmv::quant
