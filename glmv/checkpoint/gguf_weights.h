#pragma once
// The GGUF files of a model as Weights: llama.cpp's text file (or its parts) and vision file
// (mmproj).

#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {

// Whether `dir` holds files that end in .gguf and no safetensors.
bool has_only_gguf(const std::filesystem::path& dir);

// GGUF files hold weights only as far as glmv reads them: config.json and tokenizer.json must lie
// beside them. not_found names what is missing.
Result<void> check_gguf_side_files(const std::filesystem::path& dir);

// The text file of `dir` (`chosen`, where there are several) and its mmproj file; one in BF16 is
// preferred. Where llama.cpp moved rows of q and k, they are moved back. Quantised tensors are kept
// in their blocks (ggml_blocks.h); experts are cut apart.
Result<Weights> open_gguf_weights(const std::filesystem::path& dir,
                                  const std::filesystem::path& chosen, const ModelConfig& config);

// Bits per weight of the decoder's Linears once they are loaded, at most; 0: as floats.
Result<int> gguf_linear_bits(const std::filesystem::path& dir, const std::filesystem::path& chosen);

}  // namespace glmv::checkpoint
