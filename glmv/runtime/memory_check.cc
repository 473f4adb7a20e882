#include "glmv/runtime/memory_check.h"

#include <algorithm>
#include <string>

#include "glmv/base/cgroup.h"
#include "glmv/checkpoint/weights.h"

namespace glmv::runtime {
namespace {

// Logits, one chunk of activations and the allocator's slack; small beside real weights.
constexpr int64_t kWorkBytes = int64_t{64} << 20;

// Of a picture of 1.2 megapixels in pieces of 14 x 14.
constexpr int64_t kUsualPatches = 6144;

// A request of this size is always tried.
constexpr int64_t kShortCacheTokens = 1024;

// Scales and zero points of packed weights in groups of 128: 6 bytes for 128 elements.
constexpr int64_t kElementsPerScaleByte = 128 / 6;

bool is_decoder_linear(const checkpoint::TensorSpec& spec) {
  return spec.shape.size() == 2 && spec.name.starts_with("model.language_model.layers.") &&
         !spec.name.ends_with(".mlp.gate.weight");
}

double gib(int64_t bytes) { return static_cast<double>(bytes) / (int64_t{1} << 30); }

}  // namespace

MemoryNeed memory_need(const checkpoint::ModelConfig& config, int64_t element_bytes,
                       int64_t cache_tokens, int linear_bits, bool int8_cache) {
  MemoryNeed need{
      .work_bytes = kWorkBytes + vision_work_bytes(config, element_bytes, kUsualPatches),
      .cache_tokens = cache_tokens};
  for (const checkpoint::TensorSpec& spec : checkpoint::expected_tensors(config)) {
    const int64_t elements = spec.num_elements();
    if (linear_bits != 0 && is_decoder_linear(spec)) {
      need.weights_bytes += elements * linear_bits / 8 + elements / kElementsPerScaleByte;
    } else {
      need.weights_bytes += elements * (spec.fp32 ? 4 : element_bytes);
    }
  }
  const checkpoint::TextConfig& text = config.text;
  const int64_t row_bytes = int8_cache ? text.head_dim + static_cast<int64_t>(sizeof(float))
                                       : text.head_dim * element_bytes;
  need.cache_bytes =
      cache_tokens * text.num_hidden_layers * 2 * text.num_key_value_heads * row_bytes;
  return need;
}

int64_t vision_work_bytes(const checkpoint::ModelConfig& config, int64_t element_bytes,
                          int64_t num_patches) {
  const checkpoint::VisionConfig& v = config.vision;
  // The patches themselves (fp32, and in the model's dtype); the stream, its norm and their sum;
  // and the larger of attention (q, k, v, rotated q and k, output) and MLP (both halves, their
  // product).
  const int64_t inner = std::max(6 * v.hidden_size, 3 * v.block_intermediate_size);
  return num_patches *
         (v.patch_dim() * (4 + element_bytes) + (3 * v.hidden_size + inner) * element_bytes);
}

Result<void> check_medium(size_t index, int64_t num_patches, int64_t work_bytes,
                          int64_t available_bytes) {
  if (work_bytes <= available_bytes) return {};
  return resource_exhausted(
      "media[{}] has {} patches, for which the vision tower needs {:.2f} GiB of memory, and {:.2f} "
      "GiB "
      "are free: send it smaller (--max-pixels, detail \"low\"), or free memory",
      index, num_patches, gib(work_bytes), gib(available_bytes));
}

int64_t side_cache_bytes(const MemoryNeed& need, std::optional<int64_t> available_bytes,
                         int64_t wanted_bytes) {
  if (!available_bytes) return wanted_bytes;
  return std::clamp<int64_t>((*available_bytes - need.total_bytes()) / 8, 0, wanted_bytes);
}

int64_t default_cache_tokens(const MemoryNeed& need, std::optional<int64_t> available_bytes,
                             int64_t max_context_tokens, int64_t max_running) {
  const int64_t most = max_context_tokens * max_running;
  if (!available_bytes) return most;
  const int64_t token_bytes = need.cache_bytes / need.cache_tokens;
  const int64_t room =
      std::max<int64_t>(0, *available_bytes - (need.total_bytes() - need.cache_bytes));
  const int64_t bytes =
      std::max(room / 2, std::min(room / 10 * 9, token_bytes * max_context_tokens));
  return std::clamp(bytes / token_bytes, std::min(max_context_tokens, kShortCacheTokens), most);
}

std::optional<int64_t> available_memory_bytes(const std::filesystem::path& root) {
  const std::optional<int64_t> free = meminfo_bytes("MemAvailable", root);
  const std::optional<int64_t> room = memory_room_bytes(root);
  if (free && room) return std::min(*free, *room);
  return free ? free : room;
}

Result<void> check_memory(const MemoryNeed& need, int64_t available_bytes,
                          const std::string& model_name) {
  if (need.total_bytes() <= available_bytes) return {};
  return resource_exhausted(
      "{} needs {:.2f} GiB of memory (weights {:.2f}, cache of {} tokens {:.2f}, working memory "
      "{:.2f}) and {:.2f} GiB are available: free memory, use a smaller model or dtype, or lower "
      "the context limit",
      model_name, gib(need.total_bytes()), gib(need.weights_bytes), need.cache_tokens,
      gib(need.cache_bytes), gib(need.work_bytes), gib(available_bytes));
}

}  // namespace glmv::runtime
