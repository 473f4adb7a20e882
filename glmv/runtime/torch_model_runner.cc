#include "glmv/runtime/torch_model_runner.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "glmv/base/check.h"
#include "glmv/model/vlm.h"
#include "glmv/tensor/device.h"

namespace glmv::runtime {
namespace {

// Room in a cache beyond the prompt before it must grow.
constexpr int64_t kDecodeReserveTokens = 256;

struct TorchState final : RunnerState {
  TorchState(const model::Vlm& model, int64_t capacity)
      : cache(model.config().text, model.dtype(), model.device(), capacity) {}

  model::KvCache cache;
  std::vector<at::Tensor> medium_rows;  // one [M, D] per encoded medium, until the prompt is read
  at::Tensor image_rows;                // all of them [M, D]
  int64_t num_rows_used = 0;
};

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
  TorchModelRunner(std::shared_ptr<const model::Vlm> model, int num_threads)
      : model_(std::move(model)), num_threads_(num_threads) {}

  // The number of threads belongs to the calling thread in OpenMP.
  void attach_thread() override {
    if (num_threads_ > 0) at::set_num_threads(num_threads_);
  }

  int64_t vocab_size() const override { return model_->config().text.vocab_size; }

  void start(Sequence& sequence) override {
    const c10::InferenceMode inference;
    sequence.runner_state =
        std::make_unique<TorchState>(*model_, sequence.num_prompt + kDecodeReserveTokens);
  }

  bool encode_medium(Sequence& sequence, const std::function<bool(double)>& progress) override {
    const c10::InferenceMode inference;
    processing::Medium& medium = sequence.request.input.media[sequence.num_encoded];
    const int64_t num_patches = medium.grid.num_patches();
    const at::Tensor patches =
        at::from_blob(medium.patches.data(), {num_patches, model_->config().vision.patch_dim()},
                      at::TensorOptions().dtype(at::kFloat))
            .to(model_->device());
    const auto on_block = [&progress](int64_t done, int64_t total) {
      return progress(total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0);
    };
    const Grid grid = medium.grid;
    at::Tensor rows = model_->encode_images(patches, std::span<const Grid>(&grid, 1), on_block);
    if (!rows.defined()) return false;
    tensor::synchronize(model_->device());  // the times of a request name the phase that took them
    state_of(sequence).medium_rows.push_back(std::move(rows));
    std::vector<float>().swap(medium.patches);
    return true;
  }

  std::vector<float> prefill(Sequence& sequence, int64_t num_tokens) override {
    const c10::InferenceMode inference;
    TorchState& state = state_of(sequence);
    if (!state.medium_rows.empty()) {
      state.image_rows = at::cat(state.medium_rows);
      state.medium_rows.clear();
    }
    const int64_t begin = sequence.num_computed;
    const processing::ModelInput& input = sequence.request.input;
    std::vector<int64_t> ids(num_tokens), positions(3 * num_tokens), image_positions;
    for (int64_t i = 0; i < num_tokens; ++i) {
      ids[i] = input.input_ids[begin + i];
      for (int axis = 0; axis < 3; ++axis) {
        positions[axis * num_tokens + i] = input.position_ids[axis][begin + i];
      }
      if (input.mm_token_types[begin + i] != 0) image_positions.push_back(i);
    }
    at::Tensor embedded;
    if (image_positions.empty()) {
      embedded = model_->embed(to_device(ids));
    } else {
      const auto num_rows = static_cast<int64_t>(image_positions.size());
      embedded = model_->embed(to_device(ids),
                               state.image_rows.narrow(0, state.num_rows_used, num_rows),
                               to_device(image_positions));
      state.num_rows_used += num_rows;
    }
    const at::Tensor hidden_ND = model_->forward_text(
        {embedded, to_device(positions).view({3, num_tokens}), {{num_tokens, &state.cache}}});
    GLMV_CHECK(state.cache.length() == begin + num_tokens);
    if (begin + num_tokens < sequence.num_prompt) return {};
    state.image_rows = at::Tensor();
    return to_floats(model_->logits(hidden_ND.narrow(0, num_tokens - 1, 1)));
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
    const at::Tensor hidden_ND = model_->forward_text(
        {model_->embed(to_device(ids)), position_ids_3N, std::move(slices)});
    for (Sequence* sequence : sequences) {
      GLMV_CHECK(state_of(*sequence).cache.length() == sequence->num_tokens());
    }
    return to_floats(model_->logits(hidden_ND));
  }

 private:
  at::Tensor to_device(const std::vector<int64_t>& values) const {
    return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(model_->device());
  }

  std::shared_ptr<const model::Vlm> model_;
  int num_threads_;
};

}  // namespace

std::unique_ptr<ModelRunner> make_model_runner(std::shared_ptr<const model::Vlm> model,
                                               int num_threads) {
  return std::make_unique<TorchModelRunner>(std::move(model), num_threads);
}

}  // namespace glmv::runtime
