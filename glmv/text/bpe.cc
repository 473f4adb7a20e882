#include "glmv/text/bpe.h"

#include <algorithm>
#include <bit>
#include <queue>

#include "glmv/base/utf8.h"
#include "glmv/text/byte_level.h"

namespace glmv::text {
namespace {

constexpr uint64_t kEmptyKey = ~uint64_t{0};
// Up to this many symbols, scanning for the best pair again and again beats a heap.
constexpr size_t kShortPiece = 48;
constexpr uint32_t kNoRank = ~uint32_t{0};

uint64_t pair_key(int32_t left, int32_t right) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

}  // namespace

void Bpe::MergeTable::reserve(size_t count) {
  const size_t size = std::bit_ceil(std::max<size_t>(16, count * 2));
  slots_.assign(size, {kEmptyKey, {0, 0}});
  shift_ = 64 - std::countr_zero(size);
}

size_t Bpe::MergeTable::slot_of(uint64_t key) const {
  size_t slot = (key * 0x9E3779B97F4A7C15ull ^ (key >> 29)) * 0xBF58476D1CE4E5B9ull >> shift_;
  while (slots_[slot].key != key && slots_[slot].key != kEmptyKey) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void Bpe::MergeTable::set(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = pair_key(left, right);
  slots_[slot_of(key)] = {key, merge};
}

const Bpe::Merge* Bpe::MergeTable::find(int32_t left, int32_t right) const {
  const uint64_t key = pair_key(left, right);
  const Slot& slot = slots_[slot_of(key)];
  return slot.key == key ? &slot.merge : nullptr;
}

Result<Bpe> Bpe::build(const BpeSpec& spec) {
  Bpe bpe;
  bpe.byte_level_ = spec.byte_level;
  bpe.ignore_merges_ = spec.ignore_merges;
  bpe.fuse_unk_ = spec.fuse_unk;
  GLMV_RETURN_IF_ERROR(bpe.add_vocab(spec));
  GLMV_RETURN_IF_ERROR(bpe.add_merges(spec));
  return bpe;
}

Result<void> Bpe::add_vocab(const BpeSpec& spec) {
  int64_t largest = -1;
  for (const auto& [token, id] : spec.vocab) {
    if (id < 0 || id > kMaxId) {
      return invalid_argument("vocab: id {} of \"{}\" is out of range [0, {}]", id, token, kMaxId);
    }
    largest = std::max(largest, id);
  }
  bytes_.resize(static_cast<size_t>(largest + 1));
  std::vector<const std::string*> names(bytes_.size(), nullptr);
  by_bytes_.reserve(spec.vocab.size());
  for (const auto& [token, wide_id] : spec.vocab) {
    const auto id = static_cast<int32_t>(wide_id);
    if (token.empty()) continue;  // can never be produced
    if (names[id] != nullptr && *names[id] != token) {
      return invalid_argument("vocab: \"{}\" and \"{}\" have the same id {}", *names[id], token,
                              id);
    }
    names[id] = &token;
    auto bytes = spec.byte_level ? byte_level_decode(token) : std::nullopt;
    const bool as_is = spec.byte_level && !bytes;
    bytes_[id] = bytes ? std::move(*bytes) : token;
    if (as_is) {
      not_byte_level_[token] = id;
    } else if (const auto [it, fresh] = by_bytes_.emplace(bytes_[id], id); !fresh) {
      return invalid_argument("vocab: \"{}\" has two ids, {} and {}", token, it->second, id);
    }
  }
  if (spec.byte_level) {
    for (int byte = 0; byte < 256; ++byte) {
      const char text = static_cast<char>(byte);
      const auto it = by_bytes_.find(std::string_view(&text, 1));
      if (it == by_bytes_.end()) {
        return invalid_argument("vocab: no token for the single byte 0x{:02X}", byte);
      }
      byte_ids_[byte] = it->second;
    }
  }
  if (!spec.unk_token.empty()) {
    const auto id = find(spec.unk_token);
    if (!id) return invalid_argument("unk_token \"{}\" is not in the vocabulary", spec.unk_token);
    unk_id_ = *id;
  }
  return {};
}

Result<void> Bpe::add_merges(const BpeSpec& spec) {
  merges_.reserve(spec.merges.size());
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    const auto left_id = find(left);
    const auto right_id = find(right);
    const auto result_id = find(left + right);
    if (!left_id || !right_id || !result_id) {
      const std::string& missing = !left_id ? left : right;
      return invalid_argument("merges[{}]: \"{}\" is not in the vocabulary", rank,
                              left_id && right_id ? left + right : missing);
    }
    merges_.set(*left_id, *right_id, {static_cast<uint32_t>(rank), *result_id});
  }
  return {};
}

std::optional<int32_t> Bpe::find(std::string_view token) const {
  if (!byte_level_) {
    const auto it = by_bytes_.find(token);
    return it == by_bytes_.end() ? std::nullopt : std::optional(it->second);
  }
  if (const auto bytes = byte_level_decode(token)) {
    const auto it = by_bytes_.find(*bytes);
    return it == by_bytes_.end() ? std::nullopt : std::optional(it->second);
  }
  const auto it = not_byte_level_.find(std::string(token));
  return it == not_byte_level_.end() ? std::nullopt : std::optional(it->second);
}

std::string_view Bpe::bytes(int32_t id) const {
  return id >= 0 && id < size() ? std::string_view(bytes_[id]) : std::string_view();
}

void Bpe::first_symbols(std::string_view piece, std::vector<int32_t>& symbols) const {
  symbols.reserve(piece.size());
  if (byte_level_) {
    for (const char byte : piece) symbols.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    return;
  }
  bool after_unknown = false;
  for (size_t pos = 0; pos < piece.size();) {
    const size_t length = decode_utf8(piece, pos).num_bytes;
    const auto it = by_bytes_.find(piece.substr(pos, length));
    const bool known = it != by_bytes_.end();
    if (known) {
      symbols.push_back(it->second);
    } else if (unk_id_ >= 0 && !(fuse_unk_ && after_unknown)) {
      symbols.push_back(unk_id_);
    }
    after_unknown = !known;
    pos += length;
  }
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (piece.empty()) return;
  if (ignore_merges_) {
    if (const auto it = by_bytes_.find(piece); it != by_bytes_.end()) {
      ids.push_back(it->second);
      return;
    }
  }
  std::vector<int32_t> symbols;
  first_symbols(piece, symbols);
  if (symbols.size() <= kShortPiece) {
    merge_short(symbols);
  } else {
    merge_long(symbols);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void Bpe::merge_short(std::vector<int32_t>& symbols) const {
  std::array<Merge, kShortPiece> merges{};  // merges[i]: of symbols i and i + 1
  size_t count = symbols.size();
  const auto look_up = [&](size_t i) {
    const Merge* merge = merges_.find(symbols[i], symbols[i + 1]);
    merges[i] = merge != nullptr ? *merge : Merge{kNoRank, -1};
  };
  for (size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoRank) break;
    symbols[best] = merges[best].id;
    for (size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      merges[i] = merges[i + 1];
    }
    --count;
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  symbols.resize(count);
}

void Bpe::merge_long(std::vector<int32_t>& symbols) const {
  struct Candidate {
    uint32_t rank;
    uint32_t left;   // position of the left symbol
    int32_t merged;  // id of the result: tells candidates that are out of date
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  constexpr uint32_t kNone = ~uint32_t{0};
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> previous(count);
  std::vector<uint32_t> next(count);
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kNone : i - 1;
    next[i] = i + 1 == count ? kNone : i + 1;
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto push = [&](uint32_t left) {
    if (left == kNone || next[left] == kNone) return;
    const Merge* merge = merges_.find(symbols[left], symbols[next[left]]);
    if (merge != nullptr) queue.push({merge->rank, left, merge->id});
  };
  for (uint32_t i = 0; i + 1 < count; ++i) push(i);
  while (!queue.empty()) {
    const Candidate candidate = queue.top();
    queue.pop();
    const uint32_t left = candidate.left;
    // A symbol that was merged into its left neighbour has id -1.
    if (symbols[left] < 0 || next[left] == kNone) continue;
    const uint32_t right = next[left];
    const Merge* merge = merges_.find(symbols[left], symbols[right]);
    if (merge == nullptr || merge->rank != candidate.rank) continue;
    symbols[left] = candidate.merged;
    symbols[right] = -1;
    next[left] = next[right];
    if (next[left] != kNone) previous[next[left]] = left;
    push(previous[left]);
    push(left);
  }
  std::erase_if(symbols, [](int32_t id) { return id < 0; });
}

}  // namespace glmv::text
