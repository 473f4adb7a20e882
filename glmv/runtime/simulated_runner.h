#pragma once
// A model runner without a model but with the real bookkeeping of blocks, prefixes and encoded
// media, for simulations: the next token is a function of all tokens and pictures before it, and a
// block holds what a later sequence needs to go on behind it. A block that was given to two,
// changed while it was shared or found under the wrong name changes the output.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "glmv/base/byte_lru.h"
#include "glmv/base/check.h"
#include "glmv/model/kv/block_pool.h"
#include "glmv/runtime/model_runner.h"
#include "glmv/runtime/prefix_keys.h"

namespace glmv::runtime {

class SimulatedRunner final : public ModelRunner {
 public:
  static constexpr int64_t kVocabSize = 100;
  static constexpr int64_t kBlockTokens = 4;
  static constexpr int kPartsOfPicture = 3;

  struct Shared {
    int64_t num_calls = 0;    // that compute
    int64_t throw_at = -1;    // the call that fails
    int64_t num_hits = 0;     // tokens found
    int64_t num_encoded = 0;  // media
    int64_t num_shared = 0;   // blocks that had two owners at once
    int64_t num_used = 0;     // blocks, after the last call of cache_use()
  };

  SimulatedRunner(std::shared_ptr<Shared> shared, int64_t num_blocks, bool prefix_cache = true)
      : shared_(std::move(shared)),
        prefix_cache_(prefix_cache),
        pool_(num_blocks),
        contents_(num_blocks, 0),
        encoded_(3),
        root_{.numerics = "simulated", .block_tokens = kBlockTokens, .merge = 2} {}

  int64_t vocab_size() const override { return kVocabSize; }

  std::optional<Start> start(Sequence& sequence, int64_t num_others) override {
    if (!sequence.runner_state) {
      sequence.runner_state = std::make_unique<State>(*this, sequence.request);
    }
    State& s = state(sequence);
    EXPECT_TRUE(s.blocks.empty());
    const auto num_usable = static_cast<size_t>((sequence.num_tokens() - 1) / kBlockTokens);
    if (prefix_cache_) {
      const auto keys = s.keys.extend(sequence.tokens);
      for (size_t i = 0; i < std::min(keys.size(), num_usable); ++i) {
        const auto block = pool_.find(keys[i]);
        if (!block) break;
        s.blocks.push_back(*block);
        s.set_length(s.length() + kBlockTokens, contents_[*block]);
        ++s.num_published;
        shared_->num_shared += pool_.num_references(*block) > 1;
      }
    }
    Start start{.num_cached = s.length()};
    if (!s.reserve(sequence.num_tokens() - s.length()) || pool_.num_available() < num_others) {
      s.give_back();
      return std::nullopt;
    }
    shared_->num_hits += start.num_cached;
    for (size_t i = 0; i < s.encoded.size(); ++i) {
      if (s.last_token[i] < start.num_cached || s.encoded[i]) continue;
      const int* known = encoded_.find(encoded_key(sequence, i));
      s.encoded[i] = known != nullptr;
      if (!s.encoded[i]) start.media_left.push_back(i);
    }
    return start;
  }

  bool reserve(Sequence& sequence) override { return state(sequence).reserve(1); }

  void preempt(Sequence& sequence) override {
    if (sequence.runner_state) state(sequence).give_back();
  }

  bool encode_medium(Sequence& sequence, const std::function<Encoding(double)>& progress) override {
    State& s = state(sequence);
    const size_t index = sequence.media_left[0];
    if (s.medium_in_work != index) s.parts_done = 0;
    s.medium_in_work = index;
    while (true) {
      count_call();
      if (++s.parts_done == kPartsOfPicture) break;
      if (progress(s.parts_done / double{kPartsOfPicture}) != Encoding::kGoOn) return false;
    }
    s.parts_done = 0;
    s.encoded[index] = true;
    encoded_.put(encoded_key(sequence, index), 1, 1);
    ++shared_->num_encoded;
    return true;
  }

  std::vector<float> prefill(Sequence& sequence, int64_t num_tokens) override {
    count_call();
    for (int64_t i = 0; i < num_tokens; ++i) feed(sequence, sequence.num_computed + i);
    publish(sequence);
    if (state(sequence).length() < sequence.num_tokens()) return {};
    return logits(state(sequence).hash());
  }

  std::vector<float> decode(std::span<Sequence* const> sequences) override {
    count_call();
    std::vector<float> all;
    for (Sequence* sequence : sequences) {
      feed(*sequence, sequence->num_computed);
      publish(*sequence);
      for (const float logit : logits(state(*sequence).hash())) all.push_back(logit);
    }
    return all;
  }

  std::optional<std::vector<float>> verify(Sequence& sequence,
                                           std::span<const int32_t> draft) override {
    State& s = state(sequence);
    if (!s.reserve(std::ssize(draft) + 1)) return std::nullopt;
    count_call();
    std::vector<float> all;
    for (int64_t i = 0; i <= std::ssize(draft); ++i) {
      if (i == 0) {
        feed(sequence, sequence.num_computed);
      } else {
        append(s, value_of(draft[i - 1], 0));
      }
      for (const float logit : logits(s.hash())) all.push_back(logit);
    }
    return all;
  }

  void keep(Sequence& sequence) override {
    state(sequence).truncate(sequence.num_computed);
    publish(sequence);
  }

  CacheUse cache_use() const override {
    shared_->num_used = pool_.num_used();
    return {.max_blocks = pool_.capacity(),
            .used_blocks = pool_.num_used(),
            .cached_blocks = pool_.num_cached()};
  }

  void check_integrity(std::span<Sequence* const> sequences) const override {
    pool_.check_integrity();
    std::vector<int64_t> references(pool_.capacity(), 0);
    int64_t sum = 0;
    for (Sequence* sequence : sequences) {
      if (!sequence->runner_state) continue;
      const State& s = state(*sequence);
      const bool started =
          sequence->state != SequenceState::kWaiting && sequence->state != SequenceState::kStarting;
      GLMV_CHECK(s.length() == (started ? sequence->num_computed : 0), "request {} holds {} tokens",
                 sequence->handle->id, s.length());
      GLMV_CHECK(std::ssize(s.blocks) * kBlockTokens >= s.length());
      for (const model::BlockId block : s.blocks) ++references[block], ++sum;
    }
    int64_t held = 0;
    for (size_t i = 0; i < references.size(); ++i) {
      const int64_t counted = pool_.num_references(static_cast<model::BlockId>(i));
      GLMV_CHECK(references[i] == counted, "block {} has {} owners and {} references", i,
                 references[i], counted);
      held += counted;
    }
    GLMV_CHECK(held == sum);
  }

 private:
  struct State final : RunnerState {
    State(SimulatedRunner& runner_in, const Request& request)
        : runner(runner_in), keys(runner.root_, request.input, request.cache_salt) {
      const processing::ModelInput& input = request.input;
      encoded.resize(input.media.size());
      size_t medium = 0;
      int64_t left = input.media.empty() ? 0 : input.media[0].grid.num_patches() / 4;
      for (size_t i = 0; i < input.mm_token_types.size(); ++i) {
        medium_of.push_back(-1);
        if (input.mm_token_types[i] == 0) continue;
        medium_of.back() = static_cast<int>(medium);
        if (--left > 0) continue;
        last_token.push_back(static_cast<int64_t>(i));
        if (++medium < input.media.size()) left = input.media[medium].grid.num_patches() / 4;
      }
    }
    ~State() override { give_back(); }

    int64_t length() const { return std::ssize(hashes) - 1; }
    uint64_t hash() const { return hashes.back(); }
    // Only the last hash is known behind blocks that were found.
    void set_length(int64_t length, uint64_t hash) {
      hashes.resize(length + 1);
      hashes.back() = hash;
    }
    bool reserve(int64_t n) {
      const int64_t need = (length() + n + kBlockTokens - 1) / kBlockTokens - std::ssize(blocks);
      if (need > runner.pool_.num_available()) return false;
      for (int64_t i = 0; i < need; ++i) blocks.push_back(*runner.pool_.allocate());
      return true;
    }
    void truncate(int64_t length) {
      while (std::ssize(blocks) > (length + kBlockTokens - 1) / kBlockTokens) {
        runner.pool_.release(blocks.back());
        blocks.pop_back();
      }
      hashes.resize(length + 1);
      num_published = std::min(num_published, static_cast<size_t>(length / kBlockTokens));
    }
    void give_back() { truncate(0); }

    SimulatedRunner& runner;
    PrefixKeys keys;
    std::vector<model::BlockId> blocks;
    size_t num_published = 0;
    std::vector<uint64_t> hashes = {1};  // after so many tokens
    std::vector<bool> encoded;
    std::vector<int64_t> last_token;  // of each medium
    std::vector<int> medium_of;       // of each token of the prompt, or -1
    size_t medium_in_work = 0;
    int parts_done = 0;
  };

  static State& state(Sequence& sequence) { return static_cast<State&>(*sequence.runner_state); }

  static Digest encoded_key(const Sequence& sequence, size_t index) {
    return encoded_medium_key(*sequence.request.input.media[index].digest,
                              sequence.request.cache_salt);
  }

  static uint64_t value_of(int32_t token, uint64_t picture) {
    return static_cast<uint64_t>(token) + 1 + picture * 1000;
  }

  void count_call() {
    if (shared_->num_calls++ == shared_->throw_at) throw std::runtime_error("a simulated failure");
  }

  void append(State& s, uint64_t value) {
    const int64_t at = s.length();
    const model::BlockId block = s.blocks.at(at / kBlockTokens);
    GLMV_CHECK(pool_.num_references(block) == 1, "block {} is shared and written", block);
    uint64_t hash = (s.hash() + value) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 31;
    s.hashes.push_back(hash);
    contents_[block] = hash;
  }

  void feed(Sequence& sequence, int64_t index) {
    State& s = state(sequence);
    EXPECT_EQ(s.length(), index);
    uint64_t picture = 0;
    if (index < std::ssize(s.medium_of) && s.medium_of[index] >= 0) {
      const int medium = s.medium_of[index];
      GLMV_CHECK(s.encoded[medium], "picture {} is read before it is encoded", medium);
      picture = sequence.request.input.media[medium].digest->bytes[0] + 1u;
    }
    append(s, value_of(sequence.tokens[index], picture));
  }

  void publish(Sequence& sequence) {
    if (!prefix_cache_) return;
    State& s = state(sequence);
    const auto keys = s.keys.extend(sequence.tokens);
    for (; (s.num_published + 1) * kBlockTokens <= static_cast<size_t>(s.length());
         ++s.num_published) {
      pool_.publish(s.blocks[s.num_published], keys[s.num_published]);
    }
  }

  // Mostly one token, and enough of the others that seeds matter.
  static std::vector<float> logits(uint64_t hash) {
    std::vector<float> row(kVocabSize, 0.0f);
    row[hash % 80] = 5.0f;
    row[hash / 80 % 80] += 3.0f;
    return row;
  }

  std::shared_ptr<Shared> shared_;
  bool prefix_cache_;
  model::BlockPool pool_;
  std::vector<uint64_t> contents_;  // of each block: the hash after its last written token
  ByteLru<int> encoded_;
  PrefixRoot root_;
};

}  // namespace glmv::runtime
