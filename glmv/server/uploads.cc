#include "glmv/server/uploads.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

namespace glmv::server {
namespace {

constexpr size_t kIdBytes = 16;

std::string random_id() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<unsigned char, kIdBytes> bytes{};
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::getrandom(bytes.data() + got, bytes.size() - got, 0);
    if (n > 0) got += static_cast<size_t>(n);
  }
  std::string id = "f_";
  for (const unsigned char byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

}  // namespace

int64_t Uploads::size_of(const Upload& upload) {
  const int64_t document = upload.document != nullptr ? upload.document->num_bytes() : 0;
  return upload.num_bytes + std::ssize(upload.thumb) + document + 1024;
}

std::shared_ptr<const Upload> Uploads::add(Upload upload) {
  upload.id = random_id();
  const int64_t size = size_of(upload);
  if (size > max_bytes_) return nullptr;
  const std::lock_guard lock(mutex_);
  drop_old();
  while (num_bytes_ + size > max_bytes_) {
    num_bytes_ -= size_of(*entries_.back().upload);
    entries_.pop_back();
  }
  num_bytes_ += size;
  entries_.push_front({std::make_shared<const Upload>(std::move(upload)), Clock::now()});
  return entries_.front().upload;
}

template <class Test>
std::shared_ptr<const Upload> Uploads::use(const Test& test) {
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto it = std::ranges::find_if(entries_, [&](const Entry& e) { return test(*e.upload); });
  if (it == entries_.end()) return nullptr;
  it->used = Clock::now();
  entries_.splice(entries_.begin(), entries_, it);
  return it->upload;
}

std::shared_ptr<const Upload> Uploads::find(std::string_view owner, std::string_view id) {
  return use([&](const Upload& u) { return u.id == id && u.owner == owner; });
}

std::shared_ptr<const Upload> Uploads::find_digest(std::string_view owner, const Digest& digest) {
  return use([&](const Upload& u) { return u.digest == digest && u.owner == owner; });
}

void Uploads::remove(std::string_view owner, std::string_view id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& e) {
    const bool match = e.upload->id == id && e.upload->owner == owner;
    if (match) num_bytes_ -= size_of(*e.upload);
    return match;
  });
}

void Uploads::drop_old() {
  const auto now = Clock::now();
  while (!entries_.empty() && now - entries_.back().used > keep_) {
    num_bytes_ -= size_of(*entries_.back().upload);
    entries_.pop_back();
  }
}

}  // namespace glmv::server
