// Any bytes give a config or an error; the relations the model code relies on hold in a config.

#include <cstdint>
#include <cstdlib>

#include "glmv/checkpoint/hf_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!json) return 0;
  const auto config = checkpoint::parse_model_config(*json);
  if (!config) return 0;
  const checkpoint::TextConfig& text = config->text;
  const checkpoint::VisionConfig& vision = config->vision;
  int64_t num_frequencies = 0;
  for (const int64_t section : text.rope.mrope_section) num_frequencies += section;
  const bool ok = text.num_attention_heads % text.num_key_value_heads == 0 &&
                  text.rope.rotary_dim <= text.head_dim && text.rope.rotary_dim % 2 == 0 &&
                  num_frequencies == text.rope.rotary_dim / 2 &&
                  vision.head_dim * vision.num_heads == vision.hidden_size &&
                  vision.out_hidden_size == text.hidden_size;
  if (!ok) std::abort();
  return 0;
}
