#include "glmv/media/zip_directory.h"

#include <zlib.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace glmv::media {
namespace {

constexpr uint32_t kEndMark = 0x06054b50, kDirectoryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr size_t kEndBytes = 22, kDirectoryBytes = 46, kLocalBytes = 30;
constexpr size_t kMaxComment = 65'535;
constexpr uint32_t kIsZip64 = 0xffffffff;
constexpr uint16_t kEncrypted = 1 | 1 << 6 | 1 << 13;
constexpr uint16_t kStored = 0, kDeflated = 8;

std::unexpected<Status> damaged(std::string_view what) {
  return invalid_argument("a damaged ZIP file: {}", what);
}

uint16_t word16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) | static_cast<uint8_t>(bytes[at + 1])
                                                                     << 8);
}
uint32_t word32(std::string_view bytes, size_t at) {
  return word16(bytes, at) | static_cast<uint32_t>(word16(bytes, at + 2)) << 16;
}

// Where the directory's end lies: the last place that fits to the end of the file.
std::optional<size_t> find_end(std::string_view file) {
  if (file.size() < kEndBytes) return {};
  const size_t last = file.size() - kEndBytes;
  const size_t first = last - std::min(last, kMaxComment);
  for (size_t at = last + 1; at-- > first;) {
    if (word32(file, at) == kEndMark && at + kEndBytes + word16(file, at + 20) == file.size()) {
      return at;
    }
  }
  return {};
}

// The data of an entry, behind its local header.
Result<std::string_view> packed_data(std::string_view file, size_t at, size_t num_bytes,
                                     std::string_view name) {
  if (at > file.size() || file.size() - at < kLocalBytes || word32(file, at) != kLocalMark) {
    return damaged("an entry without data");
  }
  const size_t name_bytes = word16(file, at + 26);
  const size_t begin = at + kLocalBytes + name_bytes + word16(file, at + 28);
  if (begin > file.size() || file.size() - begin < num_bytes) return damaged("data cut off");
  if (file.substr(at + kLocalBytes, name_bytes) != name) return damaged("two names for an entry");
  return file.substr(begin, num_bytes);
}

// Hands on what comes out, a piece at a time; `take` may stop it with an error.
Result<void> inflate_all(std::string_view packed,
                         const std::function<Result<void>(std::string_view)>& take) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return resource_exhausted("no memory to unpack");
  struct Ender {
    z_stream& stream;
    ~Ender() { inflateEnd(&stream); }
  } const ender{stream};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  char buffer[64 << 10];
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END) return damaged("data that cannot be unpacked");
    GLMV_RETURN_IF_ERROR(take({buffer, sizeof buffer - stream.avail_out}));
    if (code == Z_STREAM_END) return {};
    if (stream.avail_in == 0 && stream.avail_out != 0) return damaged("data cut off");
  }
}

// The whole entry through `take`; at most `max_bytes`.
Result<size_t> stream_out(const ZipEntry& entry, size_t max_bytes,
                          const std::function<void(std::string_view)>& take) {
  size_t num_bytes = 0;
  uint32_t crc = 0;
  const auto add = [&](std::string_view piece) -> Result<void> {
    num_bytes += piece.size();
    if (num_bytes > max_bytes) {
      return resource_exhausted("it unpacks to more than {} MB", max_bytes >> 20);
    }
    if (num_bytes > entry.declared_bytes) return damaged("an entry is larger than it says");
    crc = static_cast<uint32_t>(::crc32(crc, reinterpret_cast<const Bytef*>(piece.data()),
                                        static_cast<uInt>(piece.size())));
    take(piece);
    return {};
  };
  GLMV_RETURN_IF_ERROR(entry.is_deflated ? inflate_all(entry.packed, add) : add(entry.packed));
  if (num_bytes != entry.declared_bytes) return damaged("an entry is smaller than it says");
  if (crc != entry.crc32) return damaged("an entry has a wrong checksum");
  return num_bytes;
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip_directory(std::string_view file) {
  const std::optional<size_t> end = find_end(file);
  if (!end) return damaged("it has no directory");
  if (word16(file, *end + 4) != 0 || word16(file, *end + 6) != 0) {
    return unsupported("a part of a set of ZIP files");
  }
  const size_t count = word16(file, *end + 10);
  const size_t begin = word32(file, *end + 16);
  if (count == 0xffff || begin == kIsZip64) return unsupported("a ZIP64 file");
  if (count > kMaxZipEntries) {
    return resource_exhausted("{} entries are more than {}", count, kMaxZipEntries);
  }
  std::vector<ZipEntry> entries;
  size_t at = begin;
  for (size_t i = 0; i < count; ++i) {
    if (at > *end || *end - at < kDirectoryBytes || word32(file, at) != kDirectoryMark) {
      return damaged("its directory is cut off");
    }
    const size_t name_bytes = word16(file, at + 28);
    const size_t next =
        at + kDirectoryBytes + name_bytes + word16(file, at + 30) + word16(file, at + 32);
    if (next > *end) return damaged("its directory is cut off");
    if (word16(file, at + 8) & kEncrypted) return unsupported("it is encrypted");
    const uint16_t method = word16(file, at + 10);
    if (method != kStored && method != kDeflated) return unsupported("an unusual ZIP method");
    const uint32_t packed = word32(file, at + 20), unpacked = word32(file, at + 24);
    const uint32_t local = word32(file, at + 42);
    if (packed == kIsZip64 || unpacked == kIsZip64 || local == kIsZip64) {
      return unsupported("a ZIP64 file");
    }
    ZipEntry entry{.name = file.substr(at + kDirectoryBytes, name_bytes),
                   .is_deflated = method == kDeflated,
                   .declared_bytes = unpacked,
                   .crc32 = word32(file, at + 16)};
    GLMV_ASSIGN(entry.packed, packed_data(file, local, packed, entry.name));
    entries.push_back(entry);
    at = next;
  }
  // Data that several entries share would be unpacked once for each.
  std::vector<std::string_view> parts;
  for (const ZipEntry& entry : entries) {
    if (!entry.packed.empty()) parts.push_back(entry.packed);
  }
  std::ranges::sort(parts, {}, [](std::string_view part) { return part.data(); });
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i - 1].data() + parts[i - 1].size() > parts[i].data()) {
      return damaged("entries that overlap");
    }
  }
  return entries;
}

Result<std::string> unpack(const ZipEntry& entry, size_t max_bytes) {
  std::string out;
  GLMV_RETURN_IF_ERROR(
      stream_out(entry, max_bytes, [&out](std::string_view piece) { out += piece; }));
  return out;
}

Result<void> check_unpacked(const std::vector<ZipEntry>& entries, size_t max_bytes) {
  size_t declared = 0;
  for (const ZipEntry& entry : entries) declared += entry.declared_bytes;
  if (declared > max_bytes) {
    return resource_exhausted("it says that it unpacks to {} MB; at most {} MB are taken",
                              declared >> 20, max_bytes >> 20);
  }
  size_t left = max_bytes;
  for (const ZipEntry& entry : entries) {
    GLMV_ASSIGN(const size_t num_bytes, stream_out(entry, left, [](std::string_view) {}));
    left -= num_bytes;
  }
  return {};
}

}  // namespace glmv::media
