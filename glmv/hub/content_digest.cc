#include "glmv/hub/content_digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "glmv/base/check.h"

namespace glmv::hub {

struct ContentDigest::Sha1 {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};

  explicit Sha1(int64_t size) {
    GLMV_CHECK(EVP_DigestInit_ex(context.get(), EVP_sha1(), nullptr) == 1);
    add(fmt::format("blob {}", size) + '\0');
  }

  void add(std::string_view bytes) {
    GLMV_CHECK(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    GLMV_CHECK(EVP_DigestFinal_ex(context.get(), digest, &size) == 1);
    std::string out;
    for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
    return out;
  }
};

ContentDigest::ContentDigest(const ExpectedDigest& expected, int64_t size) : expected_(expected) {
  if (!expected_.sha256.empty()) {
    sha256_.emplace();
  } else if (!expected_.git_sha1.empty()) {
    sha1_ = std::make_unique<Sha1>(size);
  }
}
ContentDigest::~ContentDigest() = default;
ContentDigest::ContentDigest(ContentDigest&&) noexcept = default;
ContentDigest& ContentDigest::operator=(ContentDigest&&) noexcept = default;

void ContentDigest::add(std::string_view bytes) {
  if (sha256_) sha256_->add(std::as_bytes(std::span(bytes)));
  if (sha1_) sha1_->add(bytes);
}

std::string ContentDigest::git_sha1(std::string_view content) {
  Sha1 sha1(static_cast<int64_t>(content.size()));
  sha1.add(content);
  return sha1.hex();
}

bool ContentDigest::fits() {
  if (sha256_) return sha256_->digest().hex() == expected_.sha256;
  if (sha1_) return sha1_->hex() == expected_.git_sha1;
  return true;
}

}  // namespace glmv::hub
