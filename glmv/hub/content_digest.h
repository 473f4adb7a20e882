#pragma once
// The digest by which a hub names content: SHA-256 of what lies in LFS, git's SHA-1 of the rest.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "glmv/base/sha256.h"

namespace glmv::hub {

// What the content must come to; both empty: nobody says.
struct ExpectedDigest {
  std::string sha256;
  std::string git_sha1;

  bool known() const { return !sha256.empty() || !git_sha1.empty(); }
};

class ContentDigest {
 public:
  // `size` of the content: git's digest begins with it.
  ContentDigest(const ExpectedDigest& expected, int64_t size);
  ~ContentDigest();
  ContentDigest(ContentDigest&&) noexcept;
  ContentDigest& operator=(ContentDigest&&) noexcept;

  void add(std::string_view bytes);
  // Of everything added; ends the use.
  bool fits();

  // What git calls a file with this content.
  static std::string git_sha1(std::string_view content);

 private:
  struct Sha1;
  ExpectedDigest expected_;
  std::optional<Sha256> sha256_;
  std::unique_ptr<Sha1> sha1_;
};

}  // namespace glmv::hub
