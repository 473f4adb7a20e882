#include "glmv/quant/pack.h"

#include <ATen/ATen.h>

namespace glmv::quant {
namespace {

constexpr int64_t kAwqColumns[8] = {0, 2, 4, 6, 1, 3, 5, 7};  // column of nibble i

// [n, m] -> int32 [n, words], the lowest index in the lowest bits, padded with 0.
at::Tensor pack_words(const at::Tensor& values, int bits) {
  const int64_t per_word = 32 / bits;
  const int64_t more = (per_word - values.size(1) % per_word) % per_word;
  const at::Tensor grouped =
      at::constant_pad_nd(values.to(at::kLong), {0, more}).unflatten(1, {-1, per_word});
  const at::Tensor shifts = at::arange(per_word, at::kLong) * bits;
  const at::Tensor words = grouped.bitwise_left_shift(shifts).sum(-1);
  // As the two's complement of 32 bits.
  return at::where(words >= (int64_t{1} << 31), words - (int64_t{1} << 32), words)
      .to(at::kInt)
      .contiguous();
}

// [n, out] -> int32 [n, out / 8].
at::Tensor awq_words(const at::Tensor& values) {
  const at::Tensor order = at::tensor(at::ArrayRef<int64_t>(kAwqColumns, 8), at::kLong);
  return pack_words(values.unflatten(1, {-1, 8}).index_select(2, order).flatten(1), 4);
}

}  // namespace

Result<void> check_format(const std::string& format, const QuantGrid& grid) {
  if (grid.bits != 4 && grid.bits != 8) {
    return invalid_argument("weights can have 4 or 8 bits, not {}", grid.bits);
  }
  if (grid.group < 0 || (grid.group > 0 && grid.group % 8 != 0)) {
    return invalid_argument("groups of {} inputs: give a multiple of 8, or 0 for whole rows",
                            grid.group);
  }
  if (format == "compressed-tensors") return {};
  if (format != "awq") {
    return invalid_argument("unknown format \"{}\"; known: awq, compressed-tensors", format);
  }
  if (grid.bits != 4 || grid.symmetric) {
    return invalid_argument(
        "the format awq has 4 bits with zero points; use compressed-tensors for "
        "8 bits or symmetric weights");
  }
  return {};
}

bool fits_format(const std::string& format, const QuantGrid& grid, int64_t out, int64_t in) {
  return in % grid.group_of(in) == 0 && (format != "awq" || out % 8 == 0);
}

StoredTensors stored_tensors(const std::string& format, const QuantizedMatrix& m,
                             const QuantGrid& grid) {
  if (format == "awq") {
    return {{"qweight", awq_words(m.q_OI.t())},
            {"qzeros", awq_words(m.zeros_OG.t())},
            {"scales", m.scales_OG.t().to(grid.scale_dtype).contiguous()}};
  }
  StoredTensors tensors = {
      {"weight_packed", pack_words(m.q_OI, grid.bits)},
      {"weight_scale", m.scales_OG.to(grid.scale_dtype).contiguous()},
      {"weight_shape", at::tensor({m.q_OI.size(0), m.q_OI.size(1)}, at::kLong)}};
  if (!grid.symmetric) {
    tensors.emplace_back("weight_zero_point",
                         pack_words(m.zeros_OG.t(), grid.bits).t().contiguous());
  }
  return tensors;
}

Json quantization_config(const std::string& format, const QuantGrid& grid,
                         const std::vector<std::string>& kept) {
  if (format == "awq") {
    return {{"quant_method", "awq"},
            {"bits", grid.bits},
            {"group_size", grid.group == 0 ? -1 : grid.group},
            {"zero_point", true},
            {"version", "gemm"},
            {"modules_to_not_convert", kept}};
  }
  const Json weights = {{"num_bits", grid.bits},
                        {"type", "int"},
                        {"symmetric", grid.symmetric},
                        {"dynamic", false},
                        {"strategy", grid.group == 0 ? "channel" : "group"},
                        {"group_size", grid.group == 0 ? Json() : Json(grid.group)},
                        {"actorder", nullptr},
                        {"observer", "minmax"}};
  const Json group = {{"targets", {"Linear"}},
                      {"weights", weights},
                      {"input_activations", nullptr},
                      {"output_activations", nullptr}};
  return {{"quant_method", "compressed-tensors"},
          {"format", "pack-quantized"},
          {"quantization_status", "compressed"},
          {"config_groups", {{"group_0", group}}},
          {"ignore", kept},
          {"kv_cache_scheme", nullptr}};
}

}  // namespace glmv::quant
