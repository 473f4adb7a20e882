// Any JSON gives a quantisation or an error; the numbers that readers divide by are sane.

#include <cstdint>
#include <cstdlib>

#include "glmv/checkpoint/quant_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!json) return 0;
  const auto config = checkpoint::parse_quant_config(*json);
  if (!config || config->method == checkpoint::QuantMethod::kNone) return 0;
  const bool ok = (config->bits == 4 || config->bits == 8) && config->block_rows >= 0 &&
                  config->block_columns >= 0 && config->activation_group >= 0 &&
                  (config->block_rows == 0) == (config->block_columns == 0);
  if (!ok) std::abort();
  return 0;
}
