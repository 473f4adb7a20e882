// Any bytes give a header or an error, and every entry of an accepted header lies in the file.

#include <cstdint>
#include <cstdlib>

#include "glmv/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto header =
      glmv::checkpoint::parse_safetensors({reinterpret_cast<const std::byte*>(data), size});
  if (!header) return 0;
  size_t covered = 0;
  for (const auto& [name, entry] : header->tensors) {
    if (entry.begin > entry.end || entry.end > size) std::abort();
    covered += entry.end - entry.begin;
  }
  if (covered > size) std::abort();
  return 0;
}
