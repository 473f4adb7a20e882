// The table of quantised formats: a new one is a row here and a reader.

#include "glmv/quant/formats.h"

#include <ATen/ATen.h>

#include <type_traits>

namespace glmv::quant {
namespace {

using checkpoint::QuantMethod;
using tensor::WeightSource;

// The weight of `spec`, read under whichever of its spellings the file has with `suffix`.
template <auto kRead>
Result<StoredWeight> read_spelling(WeightSource& source, const LinearSpec& spec,
                                   const std::string& suffix) {
  if (source.has(spec.name + suffix)) return kRead(source, spec.name);
  if (!spec.pieces.empty() && source.has(spec.pieces.front() + suffix)) {
    std::vector<typename decltype(kRead(source, spec.name))::value_type> parts;
    for (size_t i = 0; i < spec.pieces.size(); ++i) {
      GLMV_ASSIGN(auto part, kRead(source, spec.pieces[i]));
      if (part->out() != spec.piece_rows[i]) {
        return invalid_argument("\"{}\" has {} rows, config.json implies {}", spec.pieces[i],
                                part->out(), spec.piece_rows[i]);
      }
      parts.push_back(std::move(part));
    }
    return join_rows(std::move(parts), spec.name);
  }
  if (!spec.sliced_from.empty() && source.has(spec.sliced_from + suffix)) {
    GLMV_ASSIGN(auto whole, kRead(source, spec.sliced_from));
    if (whole->out() < spec.slice_begin + spec.out) {
      return invalid_argument("\"{}\" has {} rows, config.json implies at least {}",
                              spec.sliced_from, whole->out(), spec.slice_begin + spec.out);
    }
    return slice_rows(std::move(whole), spec.slice_begin, spec.out);
  }
  return StoredWeight();
}

struct FormatRow {
  QuantMethod method;
  std::string_view suffix;  // a Linear with this tensor is in the format
  Result<StoredWeight> (*read)(WeightSource& source, const LinearSpec& spec,
                               const std::string& suffix);
};

constexpr FormatRow kFormats[] = {
    {QuantMethod::kAwq, ".qweight", read_spelling<read_awq>},
    {QuantMethod::kPackQuantized, ".weight_packed", read_spelling<read_pack_quantized>},
    {QuantMethod::kFp8, ".weight_scale", read_spelling<read_fp8>},
    {QuantMethod::kFp8, ".weight_scale_inv", read_spelling<read_fp8>},
    {QuantMethod::kGguf, ".weight_q4_0", read_spelling<read_q4_0>},
    {QuantMethod::kGguf, ".weight_q8_0", read_spelling<read_q8_0>},
    {QuantMethod::kGguf, ".weight_q4_k", read_spelling<read_q4_k>},
    {QuantMethod::kGguf, ".weight_q6_k", read_spelling<read_q6_k>},
};

// (out, in).
std::pair<int64_t, int64_t> shape_of(const StoredWeight& weight) {
  return std::visit(
      [](const auto& held) -> std::pair<int64_t, int64_t> {
        if constexpr (std::is_same_v<decltype(held), const std::monostate&>) {
          return {0, 0};
        } else {
          return {held->out(), held->in()};
        }
      },
      weight);
}

}  // namespace

Result<void> check_finite(const at::Tensor& values, const std::string& name) {
  if (values.isfinite().all().item<bool>()) return {};
  return invalid_argument(
      "tensor \"{}\" holds values that are no numbers; the file is damaged or "
      "was written by a failed quantiser",
      name);
}

Result<StoredWeight> read_quantized(WeightSource& source, const LinearSpec& spec) {
  for (const FormatRow& row : kFormats) {
    if (row.method != source.options().quantization.method) continue;
    GLMV_ASSIGN(StoredWeight weight, row.read(source, spec, std::string(row.suffix)));
    if (std::holds_alternative<std::monostate>(weight)) continue;
    const auto [out, in] = shape_of(weight);
    if (in != spec.in || out != spec.out) {
      return invalid_argument("\"{}\" is quantised as [{}, {}], but config.json implies [{}, {}]",
                              spec.name, out, in, spec.out, spec.in);
    }
    return weight;
  }
  return StoredWeight();
}

}  // namespace glmv::quant
