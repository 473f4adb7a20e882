// The table of quantised formats: a new one is a row here and a reader.

#include "glmv/quant/formats.h"

#include <ATen/ATen.h>

#include <optional>

#include "glmv/quant/packed_linear.h"

namespace glmv::quant {
namespace {

using checkpoint::QuantMethod;
using tensor::WeightSource;

struct FormatRow {
  QuantMethod method;
  std::string_view suffix;  // a Linear with this tensor is in the format
  Result<QuantizedWeightPtr> (*read)(WeightSource& source, const std::string& name, int bits);
};

constexpr FormatRow kFormats[] = {
    {QuantMethod::kAwq, ".qweight", read_awq},
    {QuantMethod::kPackQuantized, ".weight_packed", read_pack_quantized},
};

// The weight of `spec` in the format, under whichever of its spellings the file has; null when it
// has none.
Result<QuantizedWeightPtr> read_spelling(WeightSource& source, const LinearSpec& spec,
                                         const FormatRow& row) {
  const std::string suffix(row.suffix);
  const int bits = source.options().quantization.bits;
  if (source.has(spec.name + suffix)) return row.read(source, spec.name, bits);
  if (!spec.pieces.empty() && source.has(spec.pieces.front() + suffix)) {
    std::vector<QuantizedWeightPtr> parts;
    for (size_t i = 0; i < spec.pieces.size(); ++i) {
      GLMV_ASSIGN(QuantizedWeightPtr part, row.read(source, spec.pieces[i], bits));
      if (part->shape().out != spec.piece_rows[i]) {
        return invalid_argument("\"{}\" has {} rows, config.json implies {}", spec.pieces[i],
                                part->shape().out, spec.piece_rows[i]);
      }
      parts.push_back(std::move(part));
    }
    return join_rows(std::move(parts), spec.name);
  }
  if (!spec.sliced_from.empty() && source.has(spec.sliced_from + suffix)) {
    GLMV_ASSIGN(QuantizedWeightPtr whole, row.read(source, spec.sliced_from, bits));
    if (whole->shape().out < spec.slice_begin + spec.out) {
      return invalid_argument("\"{}\" has {} rows, config.json implies at least {}",
                              spec.sliced_from, whole->shape().out, spec.slice_begin + spec.out);
    }
    return slice_rows(std::move(whole), spec.slice_begin, spec.out);
  }
  return QuantizedWeightPtr();
}

}  // namespace

Result<void> check_finite(const at::Tensor& values, const std::string& name) {
  if (values.isfinite().all().item<bool>()) return {};
  return invalid_argument("tensor \"{}\" holds values that are no numbers; the file is damaged or "
                          "was written by a failed quantiser", name);
}

Result<QuantizedWeightPtr> read_quantized(WeightSource& source, const LinearSpec& spec) {
  for (const FormatRow& row : kFormats) {
    if (row.method != source.options().quantization.method) continue;
    GLMV_ASSIGN(QuantizedWeightPtr weight, read_spelling(source, spec, row));
    if (weight == nullptr) break;
    const kernels::PackedShape& shape = weight->shape();
    if (shape.in != spec.in || shape.out != spec.out) {
      return invalid_argument("\"{}\" is quantised as [{}, {}], but config.json implies [{}, {}]",
                              spec.name, shape.out, shape.in, spec.out, spec.in);
    }
    return weight;
  }
  return QuantizedWeightPtr();
}

}  // namespace glmv::quant
