#pragma once
// Reader of one GGUF file (llama.cpp's container, versions 2 and 3, little-endian): a memory map
// and views into it. The header is checked completely (lengths, counts, types, shapes, offsets,
// overlap) before anything of it is used. Thread-safe after open. Format: ggml-org/ggml
// docs/gguf.md.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "glmv/base/mmap.h"
#include "glmv/checkpoint/ggml_blocks.h"

namespace glmv::checkpoint {

struct GgufTensor {
  GgmlType type = GgmlType::kF32;
  std::vector<int64_t> shape;  // slowest dimension first; the file has them the other way round
  size_t begin = 0;            // offsets into the file
  size_t end = 0;
};

// A list is kept as its length only: what glmv needs of it is that it is there.
struct GgufList {
  uint64_t length = 0;
};
using GgufValue = std::variant<int64_t, double, std::string, GgufList>;

struct GgufHeader {
  std::map<std::string, GgufTensor> tensors;
  std::map<std::string, GgufValue> metadata;

  // "" where the key is missing or no text; 0 where it is missing or no integer.
  std::string text(const std::string& key) const;
  int64_t integer(const std::string& key) const;
};

struct GgufFile {
  std::filesystem::path path;
  GgufHeader header;
  std::shared_ptr<const MappedFile> map;
};

// The checks of open_gguf on the bytes of a whole file; used by it and by the fuzzer. Names in
// errors are cut at 100 bytes.
Result<GgufHeader> parse_gguf(std::span<const std::byte> file);

// not_found when there is no such file; unsupported for a type of tensors that is not read here.
// Errors name the file and the tensor.
Result<GgufFile> open_gguf(const std::filesystem::path& path);

}  // namespace glmv::checkpoint
