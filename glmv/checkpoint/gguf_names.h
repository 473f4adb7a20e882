#pragma once
// Tensor names of llama.cpp's GGUF files of this family: the text model's (architectures "glm4" and
// "glm4moe") and those of the vision file ("clip", projector "glm4v").

#include <string>

namespace glmv::checkpoint {

// The canonical name; "*" stands for the number of an expert in a tensor that stacks them all. A
// name of an unknown part comes back as it is, below its layer where it has one.
std::string gguf_canonical_name(const std::string& name, bool is_moe);

}  // namespace glmv::checkpoint
