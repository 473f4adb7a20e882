#pragma once
// SHA-256 (FIPS 180-4) for names of content: cached prefixes, media, weights. By the SHA
// instructions of the CPU where it has them (about 2 GB/s), else in plain C++; both give the same.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace glmv {

struct Digest {
  std::array<uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  std::string hex() const;  // 64 lower-case digits
  static std::optional<Digest> from_hex(std::string_view text);
};

// For hash tables: a part of a digest is as good as any hash of it.
struct DigestHash {
  size_t operator()(const Digest& digest) const {
    size_t value;
    std::memcpy(&value, digest.bytes.data(), sizeof value);
    return value;
  }
};

// Numbers go in as little-endian bytes of their width, whatever the machine.
class Sha256 {
 public:
  Sha256();
  // SHA instructions are left alone when `portable`, for tests.
  explicit Sha256(bool portable);

  Sha256& add(std::span<const std::byte> bytes);
  Sha256& add(const Digest& digest) { return add(std::as_bytes(std::span(digest.bytes))); }
  Sha256& add_u32(uint32_t value);
  Sha256& add_u64(uint64_t value);
  // Length (u64), then the bytes: no two lists of framed fields give the same bytes.
  Sha256& add_framed(std::span<const std::byte> bytes);
  Sha256& add_framed(std::string_view text) { return add_framed(std::as_bytes(std::span(text))); }

  // Of everything added so far; more may follow.
  Digest digest() const;

 private:
  void compress(const std::byte* blocks, size_t num_blocks);

  std::array<uint32_t, 8> state_;
  std::array<std::byte, 64> buffer_;  // the last num_bytes_ % 64
  uint64_t num_bytes_ = 0;
  bool portable_;
};

// Of the bytes alone.
Digest sha256_of(std::string_view bytes);

}  // namespace glmv
