#pragma once
// API keys, kept as SHA-256 digests: what is compared has one length and tells nothing of a key.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::server {

// Thread-safe once made.
class KeyRing {
 public:
  struct Key {
    std::string name;  // for logs; "key-1" where none was given
    bool is_admin = false;
  };

  // Entries "KEY" or "NAME KEY". Admin keys open everything that user keys do. Empty entries open
  // nothing.
  KeyRing(const std::vector<std::string>& user_entries,
          const std::vector<std::string>& admin_entries);

  // Takes the same time whichever key it is, if any. Null: not known.
  const Key* find(std::string_view key) const;
  size_t num_keys() const { return keys_.size(); }
  std::vector<std::string> user_names() const;
  bool has_user_keys() const { return num_users_ > 0; }
  bool has_admin_keys() const { return keys_.size() > num_users_; }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Entry {
    Digest digest;
    Key key;
  };
  static Digest digest_of(std::string_view key);
  void add(const std::string& entry, bool is_admin);

  std::vector<Entry> keys_;
  size_t num_users_ = 0;
};

// The entries of a file: one a line, "#" begins a comment line. not_found, or invalid_argument
// where there is none.
Result<std::vector<std::string>> read_key_file(const std::string& path);

}  // namespace glmv::server
