#pragma once
// A name for the weights of a folder, for caches that outlive a process.

#include <filesystem>

#include "glmv/base/result.h"
#include "glmv/base/sha256.h"

namespace glmv::checkpoint {

// SHA-256 of config.json and of the weight files (*.safetensors; *.gguf where `gguf` names one or
// there are no others), in the order of their names, each with name and size. Files of together
// more than 64 MiB are read in samples, pieces of 4 KiB at equal distances and the first 256 KiB of
// every file, 16 MiB in all: trained weights differ everywhere. The same on every machine.
// Errors: not_found.
Result<Digest> model_digest(const std::filesystem::path& dir,
                            const std::filesystem::path& gguf = {});

}  // namespace glmv::checkpoint
