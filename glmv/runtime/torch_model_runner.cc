#include "glmv/runtime/torch_model_runner.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_set>
#include <utility>

#include "glmv/base/byte_lru.h"
#include "glmv/base/check.h"
#include "glmv/model/text/mtp.h"
#include "glmv/model/vlm.h"
#include "glmv/runtime/block_spiller.h"
#include "glmv/runtime/prefix_keys.h"
#include "glmv/tensor/device.h"
#include "glmv/tensor/threads.h"

namespace glmv::runtime {
namespace {

struct TorchState final : RunnerState {
  explicit TorchState(std::shared_ptr<model::KvPool> pool) : cache(std::move(pool)) {}

  model::KvCache cache;
  std::optional<PrefixKeys> keys;       // with a prefix cache
  std::vector<at::Tensor> medium_rows;  // [M, D] of each medium, undefined until encoded. They
                                        // stay: a preempted sequence reads its prompt again
  std::unique_ptr<model::VisionPass> vision_pass;  // of a medium that is being encoded
  size_t medium_in_pass = 0;
  // With an MTP layer: tokens whose keys and values it has, and the final hidden states of the
  // tokens [mtp_length - 1, cache.length()), which the next ones need.
  int64_t mtp_length = 0;
  at::Tensor hidden;
  std::vector<int64_t> image_tokens;  // indices into the prompt
  std::vector<int64_t> first_row;     // of each medium among all image rows, and the total
};

constexpr int64_t kNoBlock = -1;  // tag of what is written and is none

TorchState& state_of(Sequence& sequence) {
  GLMV_CHECK(sequence.runner_state != nullptr);
  return static_cast<TorchState&>(*sequence.runner_state);
}

std::vector<float> to_floats(const at::Tensor& logits) {
  const at::Tensor host = logits.to(at::kCPU, at::kFloat).contiguous();
  const float* data = host.const_data_ptr<float>();
  return std::vector<float>(data, data + host.numel());
}

class TorchModelRunner final : public ModelRunner {
 public:
  TorchModelRunner(std::shared_ptr<const model::Vlm> model, const ModelRunnerOptions& options)
      : model_(std::move(model)),
        options_(options),
        mtp_(options.guesses ? model_->mtp() : nullptr),
        pool_(std::make_shared<model::KvPool>(model::cached_layers(model_->config().text, mtp_),
                                              model_->dtype(), model_->device(),
                                              options.cache_tokens, options.int8_cache)),
        encoded_(options.encoder_cache_bytes),
        root_{.model = options.model_digest,
              .numerics = numerics(),
              .block_tokens = model::kBlockTokens,
              .merge = model_->config().vision.spatial_merge_size} {}

  // With blocks in files. Before anything else.
  Result<void> open_store() {
    const model::KvPool& pool = *pool_;
    GLMV_ASSIGN(store_,
                BlockStore::open(options_.prefix_cache_dir, options_.prefix_cache_disk_bytes,
                                 {.model = root_.model,
                                  .numerics = root_.numerics,
                                  .num_layers = pool.num_layers(),
                                  .kv_heads = pool.kv_heads(),
                                  .head_dim = pool.head_dim(),
                                  .block_tokens = model::kBlockTokens,
                                  .block_bytes = pool.block_bytes()}));
    spiller_ = std::make_unique<BlockSpiller>(*store_, options_.on_warning);
    return {};
  }

  void attach_thread() override { tensor::use_threads(options_.num_threads, options_.cpus); }

  int64_t vocab_size() const override { return model_->config().text.vocab_size; }

  std::optional<Start> start(Sequence& sequence, int64_t num_others) override {
    const c10::InferenceMode inference;
    if (!sequence.runner_state) sequence.runner_state = new_state(sequence.request);
    TorchState& state = state_of(sequence);
    if (state.keys) {
      // At least the last token is computed: its logits are needed.
      const auto keys = state.keys->extend(sequence.tokens);
      const auto num_blocks =
          static_cast<size_t>((sequence.num_tokens() - 1) / model::kBlockTokens);
      const auto known = keys.first(std::min(keys.size(), num_blocks));
      state.cache.adopt(known);
      if (store_) load_blocks(state, known, num_others);
    }
    Start start{.num_cached = state.cache.length()};
    if (!reserve_in(state.cache, sequence.num_tokens() - start.num_cached) ||
        !has_blocks(num_others)) {
      state.cache.truncate(0);
      return std::nullopt;
    }
    if (mtp_ != nullptr) {
      state.mtp_length = start.num_cached;
      state.hidden = at::zeros({1, model_->config().text.hidden_size},
                               at::TensorOptions().dtype(model_->dtype()).device(model_->device()));
    }
    for (size_t i = 0; i < state.medium_rows.size(); ++i) {
      const int64_t last_token = state.image_tokens[state.first_row[i + 1] - 1];
      if (last_token < start.num_cached || state.medium_rows[i].defined()) continue;
      ++encoder_use_.queries;
      if (!find_encoded(sequence, i)) start.media_left.push_back(i);
    }
    return start;
  }

  bool reserve(Sequence& sequence) override {
    const c10::InferenceMode inference;
    return reserve_in(state_of(sequence).cache, 1);
  }

  void preempt(Sequence& sequence) override {
    if (sequence.runner_state) state_of(sequence).cache.truncate(0);
  }

  bool encode_medium(Sequence& sequence, const std::function<Encoding(double)>& progress) override {
    const c10::InferenceMode inference;
    const size_t index = sequence.media_left[0];
    TorchState& state = state_of(sequence);
    processing::Medium& medium = sequence.request.input.media[index];
    if (state.vision_pass && state.medium_in_pass != index) state.vision_pass.reset();
    if (!state.vision_pass) {
      // An older request may have had the same picture encoded meanwhile.
      if (find_encoded(sequence, index)) return true;
      const at::Tensor patches = at::from_blob(
          medium.patches.data(), {medium.grid.num_patches(), model_->config().vision.patch_dim()},
          at::TensorOptions().dtype(at::kFloat));
      const Grid grid = medium.grid;
      state.vision_pass = model_->begin_images(patches, std::span<const Grid>(&grid, 1));
      state.medium_in_pass = index;
    }
    model::VisionPass& pass = *state.vision_pass;
    while (true) {
      pass.step();
      tensor::synchronize(model_->device());  // times name the phase that took them
      if (pass.done()) break;
      const double fraction =
          static_cast<double>(pass.num_done()) / static_cast<double>(pass.num_steps());
      if (progress(fraction) != Encoding::kGoOn) return false;
    }
    const at::Tensor rows = pass.rows();
    state.vision_pass.reset();
    const Digest key = encoded_key(sequence, index);
    encoded_.put(key, rows, static_cast<int64_t>(rows.nbytes()));
    spill_encoded(key, rows);
    state.medium_rows[index] = rows;
    processing::PatchValues().swap(medium.patches);
    return true;
  }

  std::vector<float> prefill(Sequence& sequence, int64_t num_tokens) override {
    const c10::InferenceMode inference;
    TorchState& state = state_of(sequence);
    const int64_t begin = sequence.num_computed;
    const Tokens tokens = tokens_at(sequence, begin, num_tokens);
    const at::Tensor embedded =
        model_->embed(tokens.ids, tokens.image_rows, tokens.image_positions);
    const bool complete = begin + num_tokens == sequence.num_tokens();
    const int64_t num_outputs = mtp_ != nullptr ? num_tokens : complete ? 1 : 0;
    const at::Tensor hidden = model_->forward_text(
        {embedded,
         tokens.positions_3N,
         {{.num_tokens = num_tokens, .cache = &state.cache, .num_outputs = num_outputs}}});
    GLMV_CHECK(state.cache.length() == begin + num_tokens);
    note_hidden(state, hidden);
    feed_mtp(sequence, state.cache.length());
    publish(sequence);
    if (!complete) return {};
    return to_floats(model_->logits(hidden.narrow(0, hidden.size(0) - 1, 1)));
  }

  std::vector<float> decode(std::span<Sequence* const> sequences) override {
    const c10::InferenceMode inference;
    const auto num = static_cast<int64_t>(sequences.size());
    std::vector<int64_t> ids, positions;
    std::vector<model::SequenceSlice> slices;
    for (Sequence* sequence : sequences) {
      ids.push_back(sequence->tokens.back());
      positions.push_back(sequence->num_computed + sequence->request.input.rope_delta);
      slices.push_back({1, &state_of(*sequence).cache});
    }
    const at::Tensor position_ids_3N = to_device(positions).expand({3, num}).contiguous();
    const at::Tensor hidden_ND =
        model_->forward_text({model_->embed(to_device(ids)), position_ids_3N, std::move(slices)});
    for (int64_t i = 0; i < num; ++i) {
      GLMV_CHECK(state_of(*sequences[i]).cache.length() == sequences[i]->num_tokens());
      note_hidden(state_of(*sequences[i]), hidden_ND.narrow(0, i, 1));
      publish(*sequences[i]);
    }
    return to_floats(model_->logits(hidden_ND));
  }

  std::optional<std::vector<float>> verify(Sequence& sequence,
                                           std::span<const int32_t> draft) override {
    const c10::InferenceMode inference;
    TorchState& state = state_of(sequence);
    const auto num = std::ssize(draft) + 1;
    if (!state.cache.reserve(num)) return std::nullopt;
    std::vector<int64_t> ids = {sequence.tokens.back()}, positions(num);
    ids.insert(ids.end(), draft.begin(), draft.end());
    std::iota(positions.begin(), positions.end(),
              sequence.num_computed + sequence.request.input.rope_delta);
    const at::Tensor position_ids_3N = to_device(positions).expand({3, num}).contiguous();
    const at::Tensor hidden = model_->forward_text(
        {model_->embed(to_device(ids)), position_ids_3N, {{num, &state.cache}}});
    note_hidden(state, hidden);
    return to_floats(model_->logits(hidden));
  }

  bool can_guess() const override { return mtp_ != nullptr; }

  std::vector<int32_t> guess(Sequence& sequence, int64_t most) override {
    const c10::InferenceMode inference;
    TorchState& state = state_of(sequence);
    if (mtp_ == nullptr || most <= 0 || !state.cache.reserve(most)) return {};
    const int64_t num_tokens = sequence.num_tokens();
    at::Tensor hidden = feed_mtp(sequence, num_tokens);
    hidden = hidden.narrow(0, hidden.size(0) - 1, 1);
    std::vector<int32_t> guesses;
    while (true) {
      guesses.push_back(mtp_->logits(hidden).argmax(-1).item<int32_t>());
      const auto num = std::ssize(guesses);
      if (num == most) return guesses;
      // What it says of its own guesses is written over once the model has judged them.
      const int64_t place = num_tokens + num - 1;
      const at::Tensor position =
          at::full({3, 1}, place + sequence.request.input.rope_delta, at::kLong);
      hidden = mtp_->forward(mtp_->embed(to_device({guesses.back()})), hidden,
                             position.to(model_->device()), state.cache, place);
    }
  }

  void keep(Sequence& sequence) override {
    TorchState& state = state_of(sequence);
    state.cache.truncate(sequence.num_computed);
    if (mtp_ != nullptr) {
      state.hidden = state.hidden.narrow(0, 0, sequence.num_computed - state.mtp_length + 1);
    }
    publish(sequence);
  }

  void finished(Sequence& sequence) override {
    if (!spiller_ || !spiller_->ok()) return;
    take_back(spiller_->take_done());
    const TorchState& state = state_of(sequence);
    const auto keys = state_of(sequence).keys->extend(sequence.tokens);
    const auto num_full = static_cast<size_t>(state.cache.length() / model::kBlockTokens);
    for (size_t i = 0; i < std::min(keys.size(), num_full); ++i) {
      spill(state.cache.blocks()[i], keys[i], state.keys->parent(i));
    }
  }

  CacheUse cache_use() const override {
    const model::BlockPool& blocks = pool_->blocks();
    int64_t only_spilling = 0;  // of use to later requests, not to running ones
    for (const model::BlockId block : spilling_) only_spilling += blocks.num_references(block) == 1;
    return {.max_blocks = pool_->max_blocks(),
            .used_blocks = blocks.num_used() - only_spilling,
            .cached_blocks = blocks.num_cached() + only_spilling,
            .loaded_blocks = num_loaded_,
            .spilled_blocks = spiller_ ? spiller_->num_written() : 0,
            .disk_bytes = store_ ? store_->num_bytes() : 0};
  }

  EncoderCacheUse encoder_cache_use() const override {
    EncoderCacheUse use = encoder_use_;
    use.bytes = encoded_.num_bytes();
    use.max_bytes = encoded_.max_bytes();
    return use;
  }

  void check_integrity(std::span<Sequence* const> sequences) const override {
    const model::BlockPool& blocks = pool_->blocks();
    blocks.check_integrity();
    std::vector<int64_t> references(blocks.capacity(), 0);
    for (const model::BlockId block : spilling_) ++references[block];
    for (Sequence* sequence : sequences) {
      if (!sequence->runner_state) continue;
      const model::KvCache& cache = state_of(*sequence).cache;
      cache.check_integrity();
      const bool started =
          sequence->state != SequenceState::kWaiting && sequence->state != SequenceState::kStarting;
      GLMV_CHECK(cache.length() == (started ? sequence->num_computed : 0),
                 "the cache of request {} holds {} tokens", sequence->handle->id, cache.length());
      for (const model::BlockId block : cache.blocks()) ++references[block];
    }
    for (size_t i = 0; i < references.size(); ++i) {
      GLMV_CHECK(references[i] == blocks.num_references(static_cast<model::BlockId>(i)),
                 "block {} is held by {} requests", i, references[i]);
    }
  }

 private:
  std::string numerics() const {
    const std::string dtype = tensor::dtype_text(model_->dtype());
    return dtype + "/" + (options_.int8_cache ? "int8" : dtype) + (mtp_ != nullptr ? "/mtp" : "");
  }

  static Digest encoded_key(const Sequence& sequence, size_t index) {
    const processing::Medium& medium = sequence.request.input.media[index];
    GLMV_CHECK(medium.digest, "medium {} has no digest", index);
    return encoded_medium_key(*medium.digest, sequence.request.cache_salt);
  }

  // Room for n tokens more. What is only being written to files gives way.
  bool reserve_in(model::KvCache& cache, int64_t n) {
    if (cache.reserve(n)) return true;
    if (spilling_.empty()) return false;
    take_back(spiller_->take_all());
    return cache.reserve(n);
  }

  bool has_blocks(int64_t n) {
    if (pool_->num_available() >= n) return true;
    if (spiller_) take_back(spiller_->take_all());
    return pool_->num_available() >= n;
  }

  void spill(model::BlockId block, const Digest& key, const Digest& parent) {
    if (store_->contains(key) || !spilling_.insert(block).second) return;
    pool_->blocks().add_reference(block);  // nobody writes into it
    SpillItem item{.key = key, .parent = parent, .block = {}, .copy = {}, .tag = block};
    if (pool_->device().is_cpu()) {
      item.block = {static_cast<const std::byte*>(pool_->data(block)),
                    static_cast<size_t>(pool_->block_bytes())};
    } else {
      item.copy = pool_->copy_out(block);
    }
    spiller_->put(std::move(item));
  }

  // Pictures seldom end where a block does: what is left of one must not be encoded for that.
  void spill_encoded(const Digest& key, const at::Tensor& rows) {
    if (!spiller_ || !spiller_->ok()) return;
    const Digest file_key = encoded_medium_file_key(root_, key);
    if (store_->contains(file_key)) return;
    const at::Tensor host = rows.cpu().contiguous();
    const auto* bytes = static_cast<const std::byte*>(host.const_data_ptr());
    spiller_->put({.key = file_key,
                   .parent = key,
                   .block = {},
                   .copy = {bytes, bytes + host.nbytes()},
                   .tag = kNoBlock});
  }

  // Rows of a medium from a file; undefined where there is none.
  at::Tensor load_encoded(const Digest& key, const processing::Medium& medium) const {
    const int64_t num_rows = medium.grid.num_patches() / (root_.merge * root_.merge);
    const at::Tensor rows = at::empty({num_rows, model_->config().text.hidden_size},
                                      at::TensorOptions().dtype(model_->dtype()));
    const std::span bytes(static_cast<std::byte*>(rows.mutable_data_ptr()), rows.nbytes());
    if (!store_->load(encoded_medium_file_key(root_, key), key, bytes)) return {};
    return rows.to(model_->device());
  }

  void take_back(const std::vector<int64_t>& tags) {
    for (const int64_t tag : tags) {
      if (tag == kNoBlock) continue;
      const auto block = static_cast<model::BlockId>(tag);
      GLMV_CHECK(spilling_.erase(block) == 1, "block {} was not being written", block);
      pool_->blocks().release(block);
    }
  }

  // Goes on behind the blocks in memory with those in files, if the whole sequence has room.
  void load_blocks(TorchState& state, std::span<const Digest> keys, int64_t num_others) {
    const int64_t num_held = state.cache.length() / model::kBlockTokens;
    if (!has_blocks(std::ssize(keys) + 1 - num_held + num_others)) return;
    for (auto i = static_cast<size_t>(num_held); i < keys.size(); ++i) {
      const auto fill = [&](model::BlockId block) {
        const auto size = static_cast<size_t>(pool_->block_bytes());
        if (pool_->device().is_cpu()) {
          const std::span bytes(static_cast<std::byte*>(pool_->data(block)), size);
          return store_->load(keys[i], state.keys->parent(i), bytes);
        }
        std::vector<std::byte> bytes(size);
        if (!store_->load(keys[i], state.keys->parent(i), bytes)) return false;
        pool_->copy_in(block, bytes);
        return true;
      };
      if (!state.cache.append_filled(keys[i], fill)) return;
      ++num_loaded_;
    }
  }

  // Takes the rows of a medium from the cache, in memory or in files.
  bool find_encoded(Sequence& sequence, size_t index) {
    const Digest key = encoded_key(sequence, index);
    processing::Medium& medium = sequence.request.input.media[index];
    at::Tensor& rows = state_of(sequence).medium_rows[index];
    if (const at::Tensor* known = encoded_.find(key)) {
      rows = *known;
    } else if (store_) {
      rows = load_encoded(key, medium);
      if (rows.defined()) encoded_.put(key, rows, static_cast<int64_t>(rows.nbytes()));
    }
    if (!rows.defined()) return false;
    ++encoder_use_.hits;
    processing::PatchValues().swap(medium.patches);
    return true;
  }

  std::unique_ptr<TorchState> new_state(const Request& request) const {
    const processing::ModelInput& input = request.input;
    auto state = std::make_unique<TorchState>(pool_);
    const int64_t merge = root_.merge;
    if (options_.prefix_cache) state->keys.emplace(root_, input, request.cache_salt);
    for (size_t i = 0; i < input.mm_token_types.size(); ++i) {
      if (input.mm_token_types[i] != 0) state->image_tokens.push_back(static_cast<int64_t>(i));
    }
    state->medium_rows.resize(input.media.size());
    state->first_row.push_back(0);
    for (const processing::Medium& medium : input.media) {
      state->first_row.push_back(state->first_row.back() +
                                 medium.grid.num_patches() / (merge * merge));
    }
    return state;
  }

  // Rows [first, first + num) of all media end to end.
  static at::Tensor image_rows(const TorchState& state, int64_t first, int64_t num) {
    std::vector<at::Tensor> parts;
    for (size_t i = 0; i < state.medium_rows.size(); ++i) {
      const int64_t begin = std::max(first, state.first_row[i]);
      const int64_t end = std::min(first + num, state.first_row[i + 1]);
      if (begin >= end) continue;
      parts.push_back(state.medium_rows[i].narrow(0, begin - state.first_row[i], end - begin));
    }
    return at::cat(parts);
  }

  // What the model reads of a sequence from `begin` on.
  struct Tokens {
    at::Tensor ids, positions_3N;
    at::Tensor image_rows, image_positions;  // undefined without
  };
  Tokens tokens_at(const Sequence& sequence, int64_t begin, int64_t num) const {
    const processing::ModelInput& input = sequence.request.input;
    const auto& state = static_cast<const TorchState&>(*sequence.runner_state);
    std::vector<int64_t> ids(num), positions(3 * num), image_positions;
    for (int64_t i = 0; i < num; ++i) {
      const int64_t index = begin + i;
      const bool in_prompt = index < sequence.num_prompt;
      ids[i] = sequence.tokens[index];
      for (int axis = 0; axis < 3; ++axis) {
        positions[axis * num + i] =
            in_prompt ? input.position_ids[axis][index] : index + input.rope_delta;
      }
      if (in_prompt && input.mm_token_types[index] != 0) image_positions.push_back(i);
    }
    Tokens tokens{to_device(ids), to_device(positions).view({3, num}), {}, {}};
    if (image_positions.empty()) return tokens;
    const auto first = std::ranges::lower_bound(state.image_tokens, begin);
    tokens.image_rows = image_rows(state, first - state.image_tokens.begin(),
                                   static_cast<int64_t>(image_positions.size()));
    tokens.image_positions = to_device(image_positions);
    return tokens;
  }

  void note_hidden(TorchState& state, const at::Tensor& rows) const {
    if (mtp_ != nullptr) state.hidden = at::cat({state.hidden, rows});
  }

  // Feeds the MTP layer all tokens before `end`, at most one more than the cache has; its hidden
  // states of them.
  at::Tensor feed_mtp(Sequence& sequence, int64_t end) const {
    TorchState& state = state_of(sequence);
    const int64_t num = end - state.mtp_length;
    if (mtp_ == nullptr || num <= 0) return {};
    const Tokens tokens = tokens_at(sequence, state.mtp_length, num);
    const at::Tensor hidden = mtp_->forward(
        mtp_->embed(tokens.ids, tokens.image_rows, tokens.image_positions),
        state.hidden.narrow(0, 0, num), tokens.positions_3N, state.cache, state.mtp_length);
    state.hidden = state.hidden.narrow(0, num, state.hidden.size(0) - num);
    state.mtp_length = end;
    return hidden;
  }

  // Lets later requests find what was computed, in full blocks.
  void publish(Sequence& sequence) const {
    TorchState& state = state_of(sequence);
    const int64_t num_full = state.cache.length() / model::kBlockTokens;
    feed_mtp(sequence, num_full * model::kBlockTokens);  // while others decode beside it
    if (!state.keys) return;
    const auto keys = state.keys->extend(sequence.tokens);
    state.cache.publish(keys.first(static_cast<size_t>(num_full)));
  }

  at::Tensor to_device(const std::vector<int64_t>& values) const {
    return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(model_->device());
  }

  std::shared_ptr<const model::Vlm> model_;
  ModelRunnerOptions options_;
  const model::MtpLayer* mtp_;  // null: no guesses
  std::shared_ptr<model::KvPool> pool_;
  std::unique_ptr<BlockStore> store_;
  std::unordered_set<model::BlockId> spilling_;  // each holds a reference
  std::unique_ptr<BlockSpiller> spiller_;
  int64_t num_loaded_ = 0;       // blocks, from files
  ByteLru<at::Tensor> encoded_;  // rows of media, [M, D]
  EncoderCacheUse encoder_use_;  // queries and hits
  PrefixRoot root_;
};

}  // namespace

Result<std::unique_ptr<ModelRunner>> make_model_runner(std::shared_ptr<const model::Vlm> model,
                                                       const ModelRunnerOptions& options) {
  auto runner = std::make_unique<TorchModelRunner>(std::move(model), options);
  if (!options.prefix_cache_dir.empty()) GLMV_RETURN_IF_ERROR(runner->open_store());
  return runner;
}

}  // namespace glmv::runtime
