#pragma once
// Memory maps of files, and a hint on pages.

#include <cstddef>
#include <filesystem>
#include <span>

#include "glmv/base/result.h"

namespace glmv {

// A read-only map of a whole file. Movable, unmapped on destruction; thread-safe to read.
class MappedFile {
 public:
  // not_found, or invalid_argument for an empty file or a folder.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Asks for 2 MiB pages for the whole pages inside [data, data + num_bytes), memory of our own that
// has not been touched yet: filling it and reading it in passes then cost fewer address look-ups.
// A hint only: failure changes nothing.
void advise_huge_pages(void* data, size_t num_bytes);

// Gives back the memory of the whole pages inside [data, data + num_bytes), which must lie in a
// read-only map of a file; a later read fetches them from the file again.
void drop_file_pages(const void* data, size_t num_bytes);

}  // namespace glmv
