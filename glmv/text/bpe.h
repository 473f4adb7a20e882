#pragma once
// Byte pair encoding of one piece: start from single bytes (or characters) and merge the adjacent
// pair of lowest rank, leftmost first, until none is left. Immutable after build, thread-safe.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::text {

struct BpeSpec {
  std::vector<std::pair<std::string, int64_t>> vocab;       // as in the file, with ids
  std::vector<std::pair<std::string, std::string>> merges;  // as in the file, by rank
  bool byte_level = true;      // strings are in GPT-2's alphabet; pieces are seen as bytes
  bool ignore_merges = false;  // a piece that is a token is taken whole
  std::string unk_token;       // only without byte_level: for characters not in the vocabulary
  bool fuse_unk = false;       // a run of them is one unk_token
};

class Bpe {
 public:
  // invalid_argument for a merge whose parts or result are no tokens, a missing byte, two strings
  // with one id, an id out of range.
  static Result<Bpe> build(const BpeSpec& spec);

  Bpe(Bpe&&) = default;
  Bpe& operator=(Bpe&&) = default;
  Bpe(const Bpe&) = delete;  // the index points into this object's strings
  Bpe& operator=(const Bpe&) = delete;

  // Appends the ids of `piece`.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

  // Id of a string as it is written in the file.
  std::optional<int32_t> find(std::string_view token) const;
  // Bytes a token stands for; empty for an unknown id.
  std::string_view bytes(int32_t id) const;
  // Largest id + 1.
  int32_t size() const { return static_cast<int32_t>(bytes_.size()); }

  static constexpr int64_t kMaxId = (int64_t{1} << 24) - 1;

 private:
  Bpe() = default;

  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  // Open addressing; keys are (left id << 32 | right id), kEmptyKey marks free slots.
  class MergeTable {
   public:
    void reserve(size_t count);
    void set(int32_t left, int32_t right, Merge merge);
    const Merge* find(int32_t left, int32_t right) const;

   private:
    struct Slot {
      uint64_t key;
      Merge merge;
    };
    size_t slot_of(uint64_t key) const;
    std::vector<Slot> slots_;
    int shift_ = 63;
  };

  void first_symbols(std::string_view piece, std::vector<int32_t>& symbols) const;
  void merge_short(std::vector<int32_t>& symbols) const;
  void merge_long(std::vector<int32_t>& symbols) const;
  Result<void> add_vocab(const BpeSpec& spec);
  Result<void> add_merges(const BpeSpec& spec);

  bool byte_level_ = true;
  bool ignore_merges_ = false;
  bool fuse_unk_ = false;
  int32_t unk_id_ = -1;
  std::array<int32_t, 256> byte_ids_{};
  std::vector<std::string> bytes_;                           // by id
  std::unordered_map<std::string_view, int32_t> by_bytes_;   // keys point into bytes_
  std::unordered_map<std::string, int32_t> not_byte_level_;  // tokens outside the alphabet
  MergeTable merges_;
};

}  // namespace glmv::text
