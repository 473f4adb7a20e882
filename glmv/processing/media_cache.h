#pragma once
// Pictures and videos as the model gets them, kept from one request to the next: a conversation
// sends all its media again with every turn, and reading, decoding and resizing them takes much
// longer than finding them.

#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "glmv/base/byte_lru.h"
#include "glmv/base/packed_medium.h"
#include "glmv/processing/model_input.h"
#include "glmv/processing/processor_config.h"
#include "glmv/text/messages.h"

namespace glmv::processing {

// `medium` in an eighth of its memory (a video: a fourth), with its digest. Null where its values
// are not those that `config` gives for bytes.
std::shared_ptr<const PackedMedium> pack(const Medium& medium, const MediaConfig& config);
// The same medium again, bit for bit.
Medium unpack(const PackedMedium& packed, MediaKind kind, const MediaConfig& config);

// The name of a medium by what it is read from: SHA-256 over framed fields, everything that decides
// how the model gets it. `sources`: the digest of its file, or of each of its frames. `salt`: those
// who share nothing have different ones. media_digest() is another name, of what has become of it.
Digest media_key(const text::ContentPart& part, std::span<const Digest> sources,
                 const ProcessorConfig& config, int64_t request_max_pixels, std::string_view salt);

struct MediaCacheUse {
  int64_t queries = 0;
  int64_t hits = 0;
  int64_t bytes = 0;
  int64_t max_bytes = 0;
};

// By media_key(); those used last stay. Thread-safe.
class MediaCache {
 public:
  explicit MediaCache(int64_t max_bytes) : media_(max_bytes) {}

  // Null: it is not there.
  std::shared_ptr<const PackedMedium> find(const Digest& key);
  // Null is not kept.
  void put(const Digest& key, std::shared_ptr<const PackedMedium> medium);
  MediaCacheUse use() const;

 private:
  mutable std::mutex mutex_;
  ByteLru<std::shared_ptr<const PackedMedium>> media_;
  int64_t queries_ = 0, hits_ = 0;
};

}  // namespace glmv::processing
