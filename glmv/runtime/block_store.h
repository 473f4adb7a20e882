#pragma once
// Blocks of the key/value cache and the rows of encoded media in files, so that a prefix outlives
// its memory and the process. Knows bytes and names only. Several processes may share a folder.
//
// One file a block, DIR/ab/ab...ef.kvb, named by its key in hex: a header of 4096 bytes, then the
// block (or the rows of a medium) as it lies in memory. The header, little-endian: "GLMVKVB1",
// version (u32), layers, key/value heads, head dim, block tokens (u32 each), bytes of the block
// (u64), model digest, key, key of the block before it (32 bytes each), numerics ("bfloat16/int8",
// 64 bytes), CRC-32C of the block, CRC-32C of the header up to here (u32 each); the rest is zero. A
// file takes its name when it is whole; one that is not what its name promises is removed.

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/base/sha256.h"

namespace glmv::runtime {

// Of all blocks of an engine.
struct BlockFormat {
  Digest model;
  std::string numerics;
  int64_t num_layers = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t block_tokens = 0;
  int64_t block_bytes = 0;
};

// Thread-safe.
class BlockStore {
 public:
  // Makes the folder where there is none, and removes what dead processes left half written. The
  // files in it, of all models, together take at most `max_bytes`; those used longest ago go first.
  // Errors: what the system says of the folder; invalid_argument where not even a block fits.
  static Result<std::unique_ptr<BlockStore>> open(const std::filesystem::path& dir,
                                                  int64_t max_bytes, const BlockFormat& format);

  // Fills `out`. False, and `out` holds anything, when there is no good file of just its size.
  bool load(const Digest& key, const Digest& parent, std::span<std::byte> out);

  // Writes a block, if contains() does not say that it is there. Errors: what the system says, a
  // full disk among them.
  Result<void> save(const Digest& key, const Digest& parent, std::span<const std::byte> block);

  // Whether this store has written or read its file. What others left is known only once it was
  // read.
  bool contains(const Digest& key) const;
  int64_t num_bytes() const;
  const std::filesystem::path& dir() const { return dir_; }

 private:
  struct File {
    Digest key;
    int64_t size = 0;
    bool verified = false;  // written or read by this store
  };

  BlockStore(std::filesystem::path dir, int64_t max_bytes, BlockFormat format);
  void scan();
  std::filesystem::path path_of(const Digest& key) const;
  std::vector<std::byte> header(const Digest& key, const Digest& parent, size_t num_bytes) const;
  void note_used(const Digest& key, int64_t size, bool verified);
  void forget(const Digest& key);
  void make_room(int64_t num_bytes);

  std::filesystem::path dir_;
  int64_t max_bytes_;
  BlockFormat format_;
  mutable std::mutex mutex_;
  std::list<File> files_;  // used last first
  std::unordered_map<Digest, std::list<File>::iterator, DigestHash> by_key_;
  int64_t num_bytes_ = 0;
};

}  // namespace glmv::runtime
