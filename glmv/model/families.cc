// The table of model families: a new one is a row here and its files.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "glmv/checkpoint/weights.h"
#include "glmv/model/glm_vlm.h"
#include "glmv/tensor/device.h"

namespace glmv::model {
namespace {

using checkpoint::Family;

struct FamilyRow {
  Family family;
  Result<std::unique_ptr<Vlm>> (*load)(tensor::WeightSource&, tensor::WeightSource* mtp,
                                       const checkpoint::ModelConfig&);
};

constexpr FamilyRow kFamilies[] = {
    {Family::kGlm4v, GlmVlm::load},
    {Family::kGlm4vMoe, GlmVlm::load},
    {Family::kGlmOcr, GlmVlm::load},
};

// The dtype of computation: as asked, else as the checkpoint holds its weights.
Result<at::ScalarType> choose_dtype(const LoadOptions& options,
                                    const checkpoint::ModelConfig& config,
                                    const checkpoint::Weights& weights) {
  if (options.dtype != "auto") return tensor::parse_compute_dtype(options.dtype);
  // The fp16 of AWQ files is the quantiser's, not the model's: activations need bf16's range.
  if (!config.quantization.is_null()) return at::kBFloat16;
  if (const auto it = weights.tensors.find("model.language_model.embed_tokens.weight");
      it != weights.tensors.end()) {
    const at::ScalarType dtype = tensor::to_scalar_type(it->second.dtype);
    // Neither is the fp16 of a GGUF file.
    if (!weights.is_gguf || dtype == at::kFloat) return dtype;
  }
  if (weights.is_gguf) return at::kBFloat16;
  return tensor::parse_compute_dtype(config.dtype.empty() ? "bfloat16" : config.dtype);
}

Result<void> check_quantized_use(const LoadOptions& options,
                                 const checkpoint::QuantConfig& quantization,
                                 const at::Device& device) {
  const bool packed = quantization.method != checkpoint::QuantMethod::kNone ||
                      options.quantize_bits != 0 || options.quantize_vision_bits != 0;
  if (options.quantize_bits != 0 && options.quantize_bits != 4 && options.quantize_bits != 8) {
    return invalid_argument("weights can be quantised to 4 or 8 bits, not {}",
                            options.quantize_bits);
  }
  if (options.quantize_vision_bits != 0 && options.quantize_vision_bits != 8) {
    return invalid_argument("the vision tower can be quantised to 8 bits, not {}",
                            options.quantize_vision_bits);
  }
  const bool fp8 = quantization.method == checkpoint::QuantMethod::kFp8;
  if (options.activations == checkpoint::Activations::kFp8 && !fp8) {
    return invalid_argument("fp8 activations need a checkpoint with fp8 weights; use bf16 or int8");
  }
  if (options.activations == checkpoint::Activations::kInt8 && fp8) {
    return invalid_argument("int8 activations do not go with fp8 weights; use bf16 or fp8");
  }
  if (packed && options.for_training) {
    return unsupported("quantised weights cannot be trained; train the BF16 checkpoint");
  }
  if (packed && !device.is_cpu()) {
    return unsupported("quantised weights run on the CPU only; use --device cpu");
  }
  return {};
}

}  // namespace

Result<LoadedModel> load_model(const std::string& dir, const LoadOptions& options) {
  GLMV_ASSIGN(const checkpoint::ModelConfig config, checkpoint::read_model_config(dir));
  auto quantization = checkpoint::parse_quant_config(config.quantization);
  if (!quantization) return in_context(dir, quantization.error());
  if (options.load_format != "auto" && options.load_format != "dummy") {
    return invalid_argument("unknown load format \"{}\"; known: auto, dummy", options.load_format);
  }
  const bool dummy = options.load_format == "dummy";
  checkpoint::Weights weights;
  if (!dummy) {
    GLMV_ASSIGN(weights, checkpoint::open_weights(dir, config, options.gguf));
  }
  if (weights.is_gguf) quantization = checkpoint::QuantConfig{checkpoint::QuantMethod::kGguf};
  GLMV_ASSIGN(const at::ScalarType dtype, choose_dtype(options, config, weights));
  GLMV_ASSIGN(const at::Device device, tensor::parse_device(options.device));
  GLMV_RETURN_IF_ERROR(check_quantized_use(options, *quantization, device));
  const tensor::WeightSource::Options source_options = {
      .dtype = dtype,
      .device = device,
      .own_memory = options.for_training,
      .dummy = dummy,
      .dummy_seed = options.dummy_seed,
      .quantization = *quantization,
      .quantize_bits = options.quantize_bits,
      .quantize_vision_bits = options.quantize_vision_bits,
      .activations = options.activations};
  tensor::WeightSource source(dummy ? nullptr : &weights, source_options);
  const bool has_mtp =
      dummy ? config.text.num_nextn_predict_layers > 0 : !weights.mtp_tensors.empty();
  const checkpoint::Weights mtp_weights{.tensors = weights.mtp_tensors, .is_gguf = weights.is_gguf};
  tensor::WeightSource mtp_source(dummy ? nullptr : &mtp_weights, source_options);

  LoadedModel loaded;
  for (const FamilyRow& row : kFamilies) {
    if (row.family != config.family) continue;
    try {
      auto model = row.load(source, options.mtp && has_mtp ? &mtp_source : nullptr, config);
      if (!model) return in_context(dir, model.error());
      loaded.model = std::move(*model);
    } catch (const c10::OutOfMemoryError& error) {  // of a GPU's allocator
      return resource_exhausted("{}: {} bytes of weights are on {} and the next does not fit: {}",
                                dir, source.num_bytes(), device.str(),
                                error.what_without_backtrace());
    }
  }
  std::vector<std::string> leftovers = source.leftovers();
  if (!leftovers.empty()) {
    const size_t total = leftovers.size();
    leftovers.resize(std::min<size_t>(total, 20));
    loaded.warnings.push_back(
        fmt::format("{} tensors of {} are not part of the model and were "
                    "ignored: {}{}",
                    total, dir, fmt::join(leftovers, ", "), total > 20 ? ", ..." : ""));
  }
  loaded.weight_bytes = source.num_bytes() + mtp_source.num_bytes();
  return loaded;
}

}  // namespace glmv::model
