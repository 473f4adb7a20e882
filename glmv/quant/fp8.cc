// float8 (e4m3fn), as compressed-tensors' "float-quantized" and Hugging Face's "fp8" store it:
// weight [out, in], weight_scale (or weight_scale_inv, also a factor) for all of it, per row, per
// row and group of inputs, or per block of rows and inputs; input_scale where activations have a
// static one.

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "glmv/base/check.h"
#include "glmv/quant/formats.h"

namespace glmv::quant {
namespace {

constexpr auto kFloats = {at::kHalf, at::kBFloat16, at::kFloat};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A tensor of any number of dimensions, as fp32.
Result<at::Tensor> take_scale(tensor::WeightSource& source, const std::string& name) {
  GLMV_ASSIGN(const at::Tensor scale, source.take_stored(name, kFloats));
  GLMV_RETURN_IF_ERROR(check_finite(scale, name));
  return scale.to(at::kFloat).contiguous();
}

// Scales as the file has them -> per row, and the inputs per scale.
Result<void> spread_scales(const at::Tensor& stored, const checkpoint::QuantConfig& config,
                           const std::string& name, Fp8Weight& weight) {
  const int64_t out = weight.out();
  const int64_t in = weight.in();
  weight.block = in;
  if (stored.numel() == 1) {
    weight.scales = stored.reshape({1, 1}).expand({out, 1}).contiguous();
    return {};
  }
  if (stored.numel() == out && stored.size(0) == out) {
    weight.scales = stored.reshape({out, 1});
    return {};
  }
  std::string expected = fmt::format("1 or [{}, 1]", out);
  if (config.block_rows > 0) {
    const int64_t rows = ceil_div(out, config.block_rows);
    const int64_t columns = ceil_div(in, config.block_columns);
    if (stored.sizes() == at::IntArrayRef({rows, columns})) {
      weight.block = std::min(config.block_columns, in);
      weight.scales = stored.repeat_interleave(config.block_rows, 0).narrow(0, 0, out).contiguous();
      return {};
    }
    expected += fmt::format(", or [{}, {}] for blocks of [{}, {}]", rows, columns,
                            config.block_rows, config.block_columns);
  } else if (stored.dim() == 2 && stored.size(0) == out && stored.size(1) > 0 &&
             in % stored.size(1) == 0) {
    weight.block = in / stored.size(1);
    weight.scales = stored;
    return {};
  }
  return invalid_argument(
      "tensor \"{}\" has shape [{}], which does not fit the weight [{}, {}]: "
      "expected {}",
      name, fmt::join(stored.sizes(), ", "), out, in, expected);
}

}  // namespace

Result<Fp8WeightPtr> read_fp8(tensor::WeightSource& source, const std::string& name) {
  const checkpoint::QuantConfig& config = source.options().quantization;
  auto weight = std::make_unique<Fp8Weight>();
  GLMV_ASSIGN(const at::Tensor codes,
              source.take_stored(name + ".weight", {at::kFloat8_e4m3fn}, 2));
  if (codes.numel() == 0) {
    return invalid_argument("tensor \"{}.weight\" has shape [{}, {}]", name, codes.size(0),
                            codes.size(1));
  }
  weight->codes = codes.contiguous();
  const std::string inverse = name + ".weight_scale_inv";
  const std::string scale_name = source.has(inverse) ? inverse : name + ".weight_scale";
  GLMV_ASSIGN(const at::Tensor scales, take_scale(source, scale_name));
  GLMV_RETURN_IF_ERROR(spread_scales(scales, config, scale_name, *weight));
  weight->input_group = config.activation_group;
  if (const std::string input = name + ".input_scale"; source.has(input)) {
    GLMV_ASSIGN(const at::Tensor scale, take_scale(source, input));
    if (scale.numel() != 1 || !(scale.item<float>() > 0)) {
      return invalid_argument("tensor \"{}\" must hold one number above 0", input);
    }
    weight->input_scale = scale.item<float>();
  }
  return weight;
}

Result<Fp8WeightPtr> join_rows(std::vector<Fp8WeightPtr> parts, const std::string& name) {
  if (parts.size() == 1) return std::move(parts.front());
  auto joined = std::make_unique<Fp8Weight>(*parts.front());
  std::vector<at::Tensor> codes, scales;
  for (const Fp8WeightPtr& part : parts) {
    if (part->in() != joined->in() || part->block != joined->block) {
      return unsupported(
          "\"{}\": its parts are quantised in different ways ([{}, {}] in blocks of "
          "{} inputs, [{}, {}] in blocks of {})",
          name, joined->out(), joined->in(), joined->block, part->out(), part->in(), part->block);
    }
    // No value of any part's activations may be cut.
    joined->input_scale = std::max(joined->input_scale, part->input_scale);
    codes.push_back(part->codes.view(at::kByte));
    scales.push_back(part->scales);
  }
  joined->codes = at::cat(codes).view(at::kFloat8_e4m3fn);
  joined->scales = at::cat(scales);
  return joined;
}

Fp8WeightPtr slice_rows(Fp8WeightPtr whole, int64_t begin, int64_t out) {
  GLMV_CHECK(begin >= 0 && out > 0 && begin + out <= whole->out(), "rows {} + {} of {}", begin, out,
             whole->out());
  whole->codes = whole->codes.narrow(0, begin, out);
  whole->scales = whole->scales.narrow(0, begin, out);
  return whole;
}

at::Tensor dequantise(const Fp8Weight& weight) {
  const at::Tensor scales =
      weight.scales.repeat_interleave(weight.block, 1).narrow(1, 0, weight.in());
  return weight.codes.to(at::kFloat) * scales;
}

}  // namespace glmv::quant
