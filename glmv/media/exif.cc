#include "glmv/media/exif.h"

#include <cstdint>

namespace glmv::media {
namespace {

constexpr uint16_t kOrientationTag = 0x0112;
constexpr uint16_t kTypeShort = 3;
constexpr uint16_t kTypeLong = 4;

class TiffReader {
 public:
  TiffReader(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  // Unsigned integer of num_bytes at `pos`; 0 past the end.
  uint32_t read(size_t pos, int num_bytes) const {
    if (pos > bytes_.size() || bytes_.size() - pos < static_cast<size_t>(num_bytes)) return 0;
    uint32_t value = 0;
    for (int i = 0; i < num_bytes; ++i) {
      const int shift = 8 * (big_endian_ ? num_bytes - 1 - i : i);
      value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes_[pos + i])) << shift;
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(std::string_view block) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (block.starts_with(kPrefix)) block.remove_prefix(kPrefix.size());
  if (!block.starts_with("II") && !block.starts_with("MM")) return 1;
  const TiffReader reader(block, block[0] == 'M');
  if (reader.read(2, 2) != 42) return 1;
  const size_t directory = reader.read(4, 4);
  const uint32_t num_entries = reader.read(directory, 2);
  for (uint32_t i = 0; i < num_entries; ++i) {
    const size_t entry = directory + 2 + 12 * size_t{i};
    if (entry + 12 > block.size()) break;
    if (reader.read(entry, 2) != kOrientationTag) continue;
    const uint32_t type = reader.read(entry + 2, 2);
    uint32_t value = 1;
    if (type == kTypeShort) value = reader.read(entry + 8, 2);
    if (type == kTypeLong) value = reader.read(entry + 8, 4);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace glmv::media
