#include "glmv/checkpoint/quant_config.h"

#include <algorithm>

#include "glmv/checkpoint/config_fields.h"

namespace glmv::checkpoint {
namespace {

constexpr std::string_view kKnown =
    "awq (version gemm, 4 bits), compressed-tensors (pack-quantized, 4 or 8 bits; float-quantized, "
    "8 bits), fp8 (e4m3)";
constexpr int64_t kMaxBlock = int64_t{1} << 20;
constexpr size_t kShownChars = 60;

std::unexpected<Status> not_known(std::string_view what) {
  return unsupported("quantization_config: {} cannot be read; known: {}",
                     what.substr(0, kShownChars), kKnown);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Result<QuantConfig> parse_awq(const ConfigFields& fields) {
  GLMV_ASSIGN(const int64_t bits,
              fields.integer(fields.find("w_bit") ? "w_bit" : "bits", 1, 64, 4));
  GLMV_ASSIGN(const std::string version, fields.string("version", "gemm"));
  if (bits != 4) return not_known(fmt::format("awq with {} bits", bits));
  if (lower(version) != "gemm") return not_known("awq version " + version);
  return QuantConfig{QuantMethod::kAwq, 4};
}

Result<QuantConfig> parse_pack_quantized(const ConfigFields& fields) {
  QuantConfig config{QuantMethod::kPackQuantized, 0};
  GLMV_ASSIGN(const ConfigFields groups, fields.object_or_empty("config_groups"));
  for (const auto& [name, value] : groups.object().items()) {
    GLMV_ASSIGN(const ConfigFields group, groups.object_or_empty(name));
    GLMV_ASSIGN(const ConfigFields weights, group.object_or_empty("weights"));
    GLMV_ASSIGN(const int64_t bits, weights.integer("num_bits", 1, 64));
    GLMV_ASSIGN(const std::string type, weights.string("type", "int"));
    if (type != "int" || (bits != 4 && bits != 8)) {
      return not_known(fmt::format("pack-quantized {} with {} bits", type, bits));
    }
    if (config.bits != 0 && config.bits != bits) return not_known("groups of different bits");
    config.bits = static_cast<int>(bits);
  }
  if (config.bits == 0) {
    return invalid_argument("quantization_config: config_groups names no group of weights");
  }
  return config;
}

// [rows, columns] at `key`; leaves the zeros of `config` where it is absent.
Result<void> parse_block(const ConfigFields& fields, std::string_view key, QuantConfig& config) {
  GLMV_ASSIGN(const std::vector<int64_t> block, fields.integers(key, 1, kMaxBlock));
  if (block.empty()) return {};
  if (block.size() != 2) {
    return invalid_argument("{} holds {} numbers, expected rows and columns", fields.full_key(key),
                            block.size());
  }
  config.block_rows = block[0];
  config.block_columns = block[1];
  return {};
}

// One group of config_groups.
Result<QuantConfig> parse_float_group(const ConfigFields& group) {
  QuantConfig config{QuantMethod::kFp8, 8};
  GLMV_ASSIGN(const ConfigFields weights, group.object_or_empty("weights"));
  GLMV_ASSIGN(const int64_t bits, weights.integer("num_bits", 1, 64));
  GLMV_ASSIGN(const std::string type, weights.string("type", "float"));
  if (type != "float" || bits != 8) {
    return not_known(fmt::format("float-quantized {} with {} bits", type, bits));
  }
  GLMV_RETURN_IF_ERROR(parse_block(weights, "block_structure", config));
  GLMV_ASSIGN(const ConfigFields inputs, group.object_or_empty("input_activations"));
  GLMV_ASSIGN(const std::string strategy, inputs.string("strategy", "token"));
  if (strategy == "group") {
    GLMV_ASSIGN(config.activation_group, inputs.integer("group_size", 1, kMaxBlock));
  }
  return config;
}

Result<QuantConfig> parse_float_quantized(const ConfigFields& fields) {
  QuantConfig config;
  GLMV_ASSIGN(const ConfigFields groups, fields.object_or_empty("config_groups"));
  for (const auto& [name, value] : groups.object().items()) {
    GLMV_ASSIGN(const ConfigFields fields_of_group, groups.object_or_empty(name));
    GLMV_ASSIGN(const QuantConfig group, parse_float_group(fields_of_group));
    if (config.method == QuantMethod::kNone) config = group;
    if (group != config) return not_known("groups of different blocks");
  }
  if (config.method == QuantMethod::kNone) {
    return invalid_argument("quantization_config: config_groups names no group of weights");
  }
  return config;
}

// Hugging Face's own "fp8": always in blocks, which also hold for the activations.
Result<QuantConfig> parse_fp8(const ConfigFields& fields) {
  QuantConfig config{QuantMethod::kFp8, 8};
  GLMV_ASSIGN(const std::string format, fields.string("fmt", "e4m3"));
  if (format != "e4m3") return not_known("fp8 " + format);
  GLMV_RETURN_IF_ERROR(parse_block(fields, "weight_block_size", config));
  config.activation_group = config.block_columns;
  return config;
}

}  // namespace

Result<QuantConfig> parse_quant_config(const Json& quantization) {
  if (quantization.is_null()) return QuantConfig{};
  if (!quantization.is_object()) {
    return invalid_argument("quantization_config must be an object");
  }
  const ConfigFields fields(quantization, "quantization_config");
  GLMV_ASSIGN(const std::string method, fields.string("quant_method", "unnamed method"));
  if (method == "awq") return parse_awq(fields);
  if (method == "fp8") return parse_fp8(fields);
  if (method == "compressed-tensors") {
    GLMV_ASSIGN(const std::string format, fields.string("format", "unnamed format"));
    if (format == "pack-quantized") return parse_pack_quantized(fields);
    if (format == "float-quantized" || format == "naive-quantized") {
      return parse_float_quantized(fields);
    }
    return not_known("compressed-tensors format " + format);
  }
  return not_known(method);
}

}  // namespace glmv::checkpoint
