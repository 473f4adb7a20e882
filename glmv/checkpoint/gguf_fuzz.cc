// Any bytes give a header or an error; every tensor of an accepted header lies in the file, and its
// blocks can be read.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "glmv/checkpoint/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv::checkpoint;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto header = parse_gguf({bytes, size});
  if (!header) return 0;
  for (const auto& [name, tensor] : header->tensors) {
    if (tensor.begin > tensor.end || tensor.end > size || tensor.shape.empty()) std::abort();
    const GgmlRow& row = ggml_row(tensor.type);
    if (row.elements == 1) continue;
    const auto num_blocks = static_cast<int64_t>(tensor.end - tensor.begin) / row.bytes;
    std::vector<float> values(num_blocks * row.elements);
    dequantise_blocks(tensor.type, bytes + tensor.begin, num_blocks, values.data());
    has_finite_scales(tensor.type, bytes + tensor.begin, num_blocks);
  }
  return 0;
}
