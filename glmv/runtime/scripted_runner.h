#pragma once
// A model runner without a model, for tests of the engine: the next token is a function of all
// tokens and pictures fed so far, so that a wrong order, a lost token or a mixed-up sequence
// changes the output.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <thread>

#include "glmv/runtime/model_runner.h"

namespace glmv::runtime {

class ScriptedRunner final : public ModelRunner {
 public:
  static constexpr int64_t kVocabSize = 100;
  // Feeding one of these tokens does what the name says.
  static constexpr int32_t kThrows = 90, kGivesNan = 91, kThrowsNoMemory = 92;

  struct Shared {
    std::atomic<int> num_states = 0;  // live sequences
    std::atomic<int> num_decodes = 0;
    std::atomic<int> largest_batch = 0;
    std::atomic<int> step_ms = 0;    // every decode step and picture block takes so long
    int64_t cache_tokens = 1 << 20;  // of all sequences together; set before the engine starts
    int64_t prefix_tokens = 0;       // every prompt finds so many of its tokens in the cache
    int64_t num_reserved = 0;
    std::atomic<int> num_preempted = 0;
    std::atomic<bool> breaks = false;     // what no step catches
    std::atomic<int> num_pauses = 0;      // in the middle of a picture
    std::atomic<int> token_us = 0;        // every token of a prompt takes so long
    std::atomic<int64_t> last_chunk = 0;  // tokens
  };

  explicit ScriptedRunner(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  // What the "model" says after `tokens` and pictures with these first patch values.
  static std::vector<int32_t> expected(std::vector<int32_t> tokens, int n,
                                       const std::vector<float>& pictures = {}) {
    uint64_t hash = 1;
    for (float picture : pictures) hash = feed(hash, static_cast<int32_t>(picture));
    for (int32_t token : tokens) hash = feed(hash, token);
    std::vector<int32_t> output;
    for (int i = 0; i < n; ++i) {
      output.push_back(next(hash));
      hash = feed(hash, output.back());
    }
    return output;
  }

  int64_t vocab_size() const override { return kVocabSize; }

  std::optional<Start> start(Sequence& sequence, int64_t /*num_others*/) override {
    if (!sequence.runner_state) sequence.runner_state = std::make_unique<State>(shared_);
    State& s = state(sequence);
    EXPECT_EQ(s.length, 0);
    EXPECT_EQ(s.reserved, 0);
    const int64_t num_tokens = sequence.num_tokens();
    if (!s.take(num_tokens)) return std::nullopt;
    Start start;
    const auto& media = sequence.request.input.media;
    if (media.empty()) {
      start.num_cached = std::min(shared_->prefix_tokens, num_tokens - 1);
      for (int64_t i = 0; i < start.num_cached; ++i) add(sequence, sequence.tokens[i], 1);
    }
    // Encoded pictures survive a preemption.
    for (int32_t picture : s.pictures) s.hash = feed(s.hash, picture);
    for (size_t i = s.pictures.size(); i < media.size(); ++i) start.media_left.push_back(i);
    return start;
  }

  bool reserve(Sequence& sequence) override {
    State& s = state(sequence);
    return s.length < s.reserved || s.take(1);
  }

  void preempt(Sequence& sequence) override {
    if (!sequence.runner_state) return;
    ++shared_->num_preempted;
    State& s = state(sequence);
    s.give_back();
    s.hash = 1;
    s.length = 0;
  }

  bool encode_medium(Sequence& sequence, const std::function<Encoding(double)>& progress) override {
    int& block = state(sequence).picture_block;
    while (true) {
      pause();
      if (++block == 4) break;
      if (progress(block / 4.0) != Encoding::kGoOn) {
        ++shared_->num_pauses;
        return false;
      }
    }
    block = 0;
    const auto& medium = sequence.request.input.media[sequence.media_left[0]];
    add(sequence, static_cast<int32_t>(medium.patches[0]), 0);
    state(sequence).pictures.push_back(static_cast<int32_t>(medium.patches[0]));
    return true;
  }

  std::vector<float> prefill(Sequence& sequence, int64_t num_tokens) override {
    std::this_thread::sleep_for(std::chrono::microseconds(shared_->token_us * num_tokens));
    shared_->last_chunk = num_tokens;
    for (int64_t i = 0; i < num_tokens; ++i) {
      add(sequence, sequence.tokens[sequence.num_computed + i], 1);
    }
    if (state(sequence).length < sequence.num_tokens()) return {};
    return logits(sequence);
  }

  std::vector<float> decode(std::span<Sequence* const> sequences) override {
    pause();
    ++shared_->num_decodes;
    shared_->largest_batch =
        std::max(shared_->largest_batch.load(), static_cast<int>(sequences.size()));
    std::vector<float> all;
    for (Sequence* sequence : sequences) {
      EXPECT_EQ(state(*sequence).length, sequence->num_computed);
      add(*sequence, sequence->tokens.back(), 1);
      for (float logit : logits(*sequence)) all.push_back(logit);
    }
    return all;
  }

  std::optional<std::vector<float>> verify(Sequence& sequence,
                                           std::span<const int32_t> draft) override {
    State& s = state(sequence);
    EXPECT_EQ(s.length, sequence.num_computed);
    const auto num = static_cast<int64_t>(draft.size());
    if (!s.take(num)) return std::nullopt;
    pause();
    ++shared_->num_decodes;
    std::vector<float> all;
    s.verified.clear();
    for (int64_t i = 0; i <= num; ++i) {
      add(sequence, i == 0 ? sequence.tokens.back() : draft[i - 1], 1);
      s.verified.push_back(s.hash);
      for (float logit : logits(sequence)) all.push_back(logit);
    }
    return all;
  }

  void keep(Sequence& sequence) override {
    State& s = state(sequence);
    const int64_t dropped = s.length - sequence.num_computed;
    ASSERT_GE(dropped, 0);
    ASSERT_LT(dropped, std::ssize(s.verified));
    s.hash = s.verified[std::ssize(s.verified) - 1 - dropped];
    s.length -= dropped;
    s.reserved -= dropped;
    shared_->num_reserved -= dropped;
  }

  CacheUse cache_use() const override {
    if (shared_->breaks) throw std::runtime_error("a broken engine");
    return {};
  }

 private:
  struct State final : RunnerState {
    explicit State(std::shared_ptr<Shared> s) : shared(std::move(s)) { ++shared->num_states; }
    ~State() override {
      give_back();
      --shared->num_states;
    }
    bool take(int64_t n) {
      if (shared->num_reserved + n > shared->cache_tokens) return false;
      shared->num_reserved += n;
      reserved += n;
      return true;
    }
    void give_back() {
      shared->num_reserved -= reserved;
      reserved = 0;
    }
    std::shared_ptr<Shared> shared;
    uint64_t hash = 1;
    int64_t length = 0;
    int64_t reserved = 0;
    std::vector<int32_t> pictures;
    int picture_block = 0;           // of the one that is being encoded
    std::vector<uint64_t> verified;  // hashes after each token of the last verify()
    bool nan = false;
  };

  static uint64_t feed(uint64_t hash, int32_t token) {
    hash = (hash + static_cast<uint64_t>(token) + 1) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 31);
  }
  static int32_t next(uint64_t hash) { return static_cast<int32_t>(hash % 80); }
  static State& state(Sequence& sequence) { return static_cast<State&>(*sequence.runner_state); }

  void pause() const {
    std::this_thread::sleep_for(std::chrono::milliseconds(shared_->step_ms.load()));
  }

  static void add(Sequence& sequence, int32_t token, int64_t length) {
    if (token == kThrows) throw std::runtime_error("boom\nException raised from nowhere");
    if (token == kThrowsNoMemory) throw std::bad_alloc();
    State& s = state(sequence);
    s.hash = feed(s.hash, token);
    s.length += length;
    s.nan = s.nan || token == kGivesNan;
  }

  static std::vector<float> logits(Sequence& sequence) {
    std::vector<float> row(kVocabSize, 0.0f);
    row[next(state(sequence).hash)] = 5.0f;
    if (state(sequence).nan) row[3] = NAN;
    return row;
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace glmv::runtime
