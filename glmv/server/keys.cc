#include "glmv/server/keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "glmv/base/files.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

KeyRing::KeyRing(const std::vector<std::string>& user_entries,
                 const std::vector<std::string>& admin_entries) {
  for (const std::string& entry : user_entries) add(entry, false);
  num_users_ = keys_.size();
  for (const std::string& entry : admin_entries) add(entry, true);
}

KeyRing::Digest KeyRing::digest_of(std::string_view key) {
  Digest digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

void KeyRing::add(const std::string& entry, bool is_admin) {
  std::string_view key = trimmed(entry);
  if (key.empty()) return;
  std::string name =
      fmt::format("{}-{}", is_admin ? "admin" : "key", keys_.size() - num_users_ + 1);
  if (const size_t blank = key.find_first_of(kBlank); blank != key.npos) {
    name = key.substr(0, blank);
    key = trimmed(key.substr(blank));
  }
  keys_.push_back({digest_of(key), {std::move(name), is_admin}});
}

const KeyRing::Key* KeyRing::find(std::string_view key) const {
  const Digest digest = digest_of(key);
  const Key* found = nullptr;
  for (const Entry& entry : keys_) {
    if (::CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry.key;
  }
  return found;
}

std::vector<std::string> KeyRing::user_names() const {
  std::vector<std::string> names;
  for (const Entry& entry : keys_) {
    if (!entry.key.is_admin) names.push_back(entry.key.name);
  }
  return names;
}

Result<std::vector<std::string>> read_key_file(const std::string& path) {
  GLMV_ASSIGN(const std::string text, read_file(path, kMaxFileBytes));
  std::vector<std::string> entries;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
    if (!line.empty() && !line.starts_with('#')) entries.emplace_back(line);
    begin = end + 1;
  }
  if (entries.empty()) return invalid_argument("{}: holds no key; write one a line", path);
  return entries;
}

}  // namespace glmv::server
