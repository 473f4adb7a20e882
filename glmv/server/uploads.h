#pragma once
// Files that clients have sent once and name in their messages as "file:ID". Kept in memory.

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "glmv/base/fd.h"
#include "glmv/base/sha256.h"
#include "glmv/media/document.h"
#include "glmv/media/video_reader.h"

namespace glmv::server {

struct Upload {
  std::string id;
  std::string owner;  // name of the key that it came with
  std::string name;   // a label
  std::string kind;   // "image", "video" or "doc"
  std::string mime;
  std::string bytes;               // of what is no video
  std::shared_ptr<const Fd> file;  // of a video: in memory, for readers of their own (reopen())
  int64_t num_bytes = 0;
  Digest digest;
  int width = 0, height = 0;   // as shown; the first page of a document as the model gets it
  media::VideoFileInfo video;  // of a video
  std::shared_ptr<const media::Document> document;  // null: it is none
  int64_t num_tokens = 0;                           // in a prompt, about
  std::string thumb;                                // PNG
};

// Thread-safe.
class Uploads {
 public:
  explicit Uploads(int64_t max_bytes = int64_t{1} << 30,
                   std::chrono::seconds keep = std::chrono::hours(24))
      : max_bytes_(max_bytes), keep_(keep) {}

  // Gives it a random id. Those that nobody has used for longest make room; null: it is larger than
  // all there is.
  std::shared_ptr<const Upload> add(Upload upload);
  // Null: there is none, its time is over, or it is another's. It counts as used now.
  std::shared_ptr<const Upload> find(std::string_view owner, std::string_view id);
  std::shared_ptr<const Upload> find_digest(std::string_view owner, const Digest& digest);
  void remove(std::string_view owner, std::string_view id);

  std::chrono::seconds keep() const { return keep_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::shared_ptr<const Upload> upload;
    Clock::time_point used;
  };
  template <class Test>
  std::shared_ptr<const Upload> use(const Test& test);
  void drop_old();
  static int64_t size_of(const Upload& upload);

  const int64_t max_bytes_;
  const std::chrono::seconds keep_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // used last first
  int64_t num_bytes_ = 0;
};

}  // namespace glmv::server
