// libFuzzer target: any bytes are no ZIP file, or entries that stay within them and their limit.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/media/document_kind.h"
#include "glmv/media/zip_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv::media;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  (void)document_kind(file);
  const auto entries = read_zip_directory(file);
  if (!entries) {
    GLMV_CHECK(!entries.error().message.empty());
    return 0;
  }
  constexpr size_t kMost = 1 << 20;
  for (const ZipEntry& entry : *entries) {
    GLMV_CHECK(entry.packed.data() >= file.data());
    GLMV_CHECK(entry.packed.data() + entry.packed.size() <= file.data() + file.size());
    const auto bytes = unpack(entry, kMost);
    GLMV_CHECK(!bytes || (bytes->size() == entry.declared_bytes && bytes->size() <= kMost));
  }
  (void)check_unpacked(*entries, kMost);
  return 0;
}
