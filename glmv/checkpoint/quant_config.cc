#include "glmv/checkpoint/quant_config.h"

#include <algorithm>

#include "glmv/checkpoint/config_fields.h"

namespace glmv::checkpoint {
namespace {

constexpr std::string_view kKnown =
    "awq (version gemm, 4 bits), compressed-tensors (pack-quantized, 4 or 8 bits)";
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
  GLMV_ASSIGN(const int64_t bits, fields.integer(fields.find("w_bit") ? "w_bit" : "bits", 1, 64, 4));
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

}  // namespace

Result<QuantConfig> parse_quant_config(const Json& quantization) {
  if (quantization.is_null()) return QuantConfig{};
  if (!quantization.is_object()) {
    return invalid_argument("quantization_config must be an object");
  }
  const ConfigFields fields(quantization, "quantization_config");
  GLMV_ASSIGN(const std::string method, fields.string("quant_method", "unnamed method"));
  if (method == "awq") return parse_awq(fields);
  if (method == "compressed-tensors") {
    GLMV_ASSIGN(const std::string format, fields.string("format", "unnamed format"));
    if (format == "pack-quantized") return parse_pack_quantized(fields);
    return not_known("compressed-tensors format " + format);
  }
  return not_known(method);
}

}  // namespace glmv::checkpoint
