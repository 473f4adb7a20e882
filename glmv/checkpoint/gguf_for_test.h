#pragma once
// Builds the bytes of a GGUF file.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace glmv::checkpoint::testing {

class GgufBytes {
 public:
  template <class T>
  static std::string number(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }
  static std::string text(const std::string& value) {
    return number<uint64_t>(value.size()) + value;
  }

  GgufBytes& pair(const std::string& key, uint32_t type, const std::string& value) {
    pairs_ += text(key) + number(type) + value;
    ++num_pairs_;
    return *this;
  }
  GgufBytes& pair(const std::string& key, const std::string& value) {
    return pair(key, 8, text(value));
  }
  GgufBytes& pair(const std::string& key, uint32_t value) { return pair(key, 4, number(value)); }

  // `dims` as in the file, fastest first.
  GgufBytes& tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                    const std::string& data) {
    const uint64_t offset = data_.size();
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32);
    return entry(name, dims, type, offset);
  }
  GgufBytes& entry(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                   uint64_t offset) {
    tensors_ += text(name) + number<uint32_t>(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) tensors_ += number(dim);
    tensors_ += number(type) + number(offset);
    ++num_tensors_;
    return *this;
  }

  std::string bytes(uint32_t version = 3) const {
    std::string file =
        "GGUF" + number(version) + number(num_tensors_) + number(num_pairs_) + pairs_ + tensors_;
    file.resize((file.size() + 31) / 32 * 32);
    return file + data_;
  }

 private:
  uint64_t num_pairs_ = 0;
  uint64_t num_tensors_ = 0;
  std::string pairs_, tensors_, data_;
};

}  // namespace glmv::checkpoint::testing
