#pragma once
// Reader of one safetensors file: a memory map and views into it, no copy. The header is checked
// completely (length, JSON, dtype, shape, offsets, overlap, gap, trailing bytes) before a view is
// handed out. Thread-safe after open. Format: huggingface/safetensors README.

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "glmv/base/mmap.h"
#include "glmv/checkpoint/dtype.h"

namespace glmv::checkpoint {

// A tensor inside a mapped file, or in memory of its own where it had to be put together. `file` or
// `memory` keeps the bytes alive as long as any view of them.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
  std::shared_ptr<const MappedFile> file;
  std::shared_ptr<const std::vector<std::byte>> memory;

  int64_t numel() const;
};

struct SafetensorsFile {
  std::filesystem::path path;
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

// One checked header entry; [begin, end) are offsets into the whole file.
struct TensorEntry {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  size_t begin = 0;
  size_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

// The checks of open_safetensors on the bytes of a whole file; used by it and by the fuzzer.
// Tensor names in errors are cut at 100 bytes.
Result<SafetensorsHeader> parse_safetensors(std::span<const std::byte> file);

// not_found when there is no such file; errors name the file and the tensor. A view's data may lie
// at any byte offset: readers must not assume alignment.
Result<SafetensorsFile> open_safetensors(const std::filesystem::path& path);

}  // namespace glmv::checkpoint
