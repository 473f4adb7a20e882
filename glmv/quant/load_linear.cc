#include <ATen/ATen.h>

#include "glmv/quant/formats.h"
#include "glmv/quant/fp8_linear.h"
#include "glmv/quant/packed_linear.h"

namespace glmv::quant {
namespace {

// Inputs per group of weights that are rounded to 4 bits at load time.
constexpr int64_t kRoundedGroup = 128;
// Inputs per group of the tower's down projections at most, in whole steps of the tile products.
constexpr int64_t kDownGroup = 512;
constexpr int64_t kGroupStep = 64;

std::vector<std::string> with_suffix(std::vector<std::string> names, const std::string& suffix) {
  for (std::string& name : names) name += suffix;
  return names;
}

Result<at::Tensor> take(tensor::WeightSource& source, const LinearSpec& spec,
                        const std::string& suffix, at::IntArrayRef shape) {
  if (!spec.pieces.empty()) {
    return source.take_fused(spec.name + suffix, with_suffix(spec.pieces, suffix), spec.piece_rows,
                             shape);
  }
  if (!spec.sliced_from.empty()) {
    return source.take_or_slice(spec.name + suffix, spec.sliced_from + suffix, spec.slice_begin,
                                shape);
  }
  return source.take(spec.name + suffix, shape);
}

// Whether a Linear belongs to the vision tower or its merger.
bool in_tower(const std::string& name) { return name.starts_with("model.visual."); }

// Bits for a float Linear when the weights are to be quantised while loading; 0: as it is. The
// logits need finer steps than the layers.
int bits_at_load(const tensor::WeightSource& source, const std::string& name, int64_t in) {
  if (in_tower(name)) return source.options().quantize_vision_bits;
  const int bits = source.options().quantize_bits;
  if (name == "lm_head") return bits == 0 ? 0 : 8;
  if (!name.starts_with("model.language_model.")) return 0;
  return bits == 4 && in % kRoundedGroup != 0 ? 8 : bits;
}

// Inputs per group of a weight of `in` inputs. What a down projection reads is a product of two
// values and has far outliers: one step for a whole row would be too coarse
// (bench/results/2026-11-26-vision.md).
int64_t group_at_load(const std::string& name, int64_t in, int bits) {
  if (bits == 4) return kRoundedGroup;
  if (!in_tower(name) || !name.ends_with(".down_proj")) return in;
  for (int64_t group = kDownGroup; group > 0; group -= kGroupStep) {
    if (in % group == 0) return group;
  }
  return in;
}

// The tower is quantised for its speed, so its activations are integers whatever the decoder's are.
Activations activations_at_load(const tensor::WeightSource& source, const std::string& name) {
  return in_tower(name) ? Activations::kInt8 : source.options().activations;
}

Linear make_stored(tensor::WeightSource& source, const std::string& name, StoredWeight stored,
                   at::Tensor bias) {
  const checkpoint::Activations activations = source.options().activations;
  if (auto* fp8 = std::get_if<Fp8WeightPtr>(&stored)) {
    source.add_bytes((*fp8)->num_bytes());
    return make_fp8(name, std::move(**fp8), std::move(bias), activations);
  }
  const QuantizedWeight& weight = *std::get<QuantizedWeightPtr>(stored);
  source.add_bytes(weight.shape().num_bytes());
  if (weight.has_offsets()) source.add_bytes(4 * weight.out() * weight.shape().num_groups());
  return make_packed(name, weight, std::move(bias), activations,
                     source.memory().allocate(weight.shape().num_bytes()));
}

}  // namespace

Linear make_linear(tensor::WeightSource& source, std::string name, at::Tensor weight,
                   at::Tensor bias) {
  const int bits = bits_at_load(source, name, weight.size(1));
  if (bits == 0) return make_unquantized(std::move(name), std::move(weight), std::move(bias));
  source.add_bytes(-static_cast<int64_t>(weight.nbytes()));
  const int64_t group = group_at_load(name, weight.size(1), bits);
  const QuantizedWeightPtr rounded = round_to_nearest(std::move(weight), bits, group);
  source.add_bytes(rounded->shape().num_bytes());
  const Activations activations = activations_at_load(source, name);
  return make_packed(std::move(name), *rounded, std::move(bias), activations,
                     source.memory().allocate(rounded->shape().num_bytes()));
}

Result<Linear> load_linear(tensor::WeightSource& source, const LinearSpec& spec) {
  GLMV_ASSIGN(StoredWeight stored, read_quantized(source, spec));
  const bool is_float = std::holds_alternative<std::monostate>(stored);
  at::Tensor weight, bias;
  if (is_float) {
    GLMV_ASSIGN(weight, take(source, spec, ".weight", {spec.out, spec.in}));
  }
  if (spec.bias) {
    GLMV_ASSIGN(bias, take(source, spec, ".bias", {spec.out}));
  }
  if (is_float && bits_at_load(source, spec.name, spec.in) == 0) {
    return make_unquantized(spec.name, std::move(weight), std::move(bias));
  }
  const bool is_copy = !std::holds_alternative<Fp8WeightPtr>(stored);
  const Linear linear = is_float
                            ? make_linear(source, spec.name, std::move(weight), std::move(bias))
                            : make_stored(source, spec.name, std::move(stored), std::move(bias));
  if (!is_copy) return linear;
  // Packed is a copy: the file's pages are not read again.
  source.drop_pages(spec.name);
  for (const std::string& piece : spec.pieces) source.drop_pages(piece);
  if (!spec.sliced_from.empty()) source.drop_pages(spec.sliced_from);
  return linear;
}

}  // namespace glmv::quant
