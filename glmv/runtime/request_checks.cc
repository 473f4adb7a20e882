#include "glmv/runtime/request_checks.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace glmv::runtime {
namespace {

constexpr double kMaxLogitBias = 1000.0;

Result<void> check_range(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return invalid_argument("{} is {}, it must be in [{}, {}]", name, value, low, high);
}

Result<void> check_ids(const char* name, std::span<const int32_t> ids, int64_t vocab_size) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= vocab_size) {
      return invalid_argument("{}[{}] is {}, but the model's vocabulary has {} ids", name, i,
                              ids[i], vocab_size);
    }
  }
  return {};
}

Result<void> check_sampling(const SamplingParams& params, int64_t vocab_size) {
  GLMV_RETURN_IF_ERROR(check_range("temperature", params.temperature, 0, 100));
  GLMV_RETURN_IF_ERROR(check_range("top_p", params.top_p, 0, 1));
  GLMV_RETURN_IF_ERROR(check_range("min_p", params.min_p, 0, 1));
  GLMV_RETURN_IF_ERROR(check_range("repetition_penalty", params.repetition_penalty, 1e-3, 1e3));
  GLMV_RETURN_IF_ERROR(check_range("presence_penalty", params.presence_penalty, -100, 100));
  GLMV_RETURN_IF_ERROR(check_range("frequency_penalty", params.frequency_penalty, -100, 100));
  if (params.top_k < -1) {
    return invalid_argument("top_k is {}, it must be positive, or 0 for no limit", params.top_k);
  }
  if (params.num_logprobs < -1 || params.num_logprobs > vocab_size) {
    return invalid_argument("logprobs of {} tokens asked, it must be at most {}",
                            params.num_logprobs, vocab_size);
  }
  for (const auto& [id, bias] : params.logit_bias) {
    if (id < 0 || id >= vocab_size) {
      return invalid_argument("logit_bias: there is no token {}, the model's vocabulary has {} ids",
                              id, vocab_size);
    }
    GLMV_RETURN_IF_ERROR(check_range("logit_bias", bias, -kMaxLogitBias, kMaxLogitBias));
  }
  return {};
}

Result<void> check_stop(const StopConditions& stop, bool has_token_bytes) {
  if (stop.max_new_tokens == 0 || stop.max_new_tokens < -1) {
    return invalid_argument("max_new_tokens is {}, it must be positive (or -1 for no limit)",
                            stop.max_new_tokens);
  }
  for (const std::string& text : stop.stop_strings) {
    if (text.empty()) return invalid_argument("a stop string is empty: leave it out");
  }
  if (!stop.stop_strings.empty() && !has_token_bytes) {
    return invalid_argument("stop strings need a tokenizer and this engine was loaded without one");
  }
  return {};
}

Result<void> check_media(const processing::ModelInput& input,
                         const checkpoint::VisionConfig& vision) {
  const int64_t merge = vision.spatial_merge_size;
  int64_t num_rows = 0;
  for (size_t i = 0; i < input.media.size(); ++i) {
    const processing::Medium& medium = input.media[i];
    const Grid& grid = medium.grid;
    if (grid.t <= 0 || grid.h <= 0 || grid.w <= 0 || grid.h % merge != 0 || grid.w % merge != 0) {
      return invalid_argument("media[{}] has the grid {}x{}x{}: sides must be multiples of {}", i,
                              grid.t, grid.h, grid.w, merge);
    }
    const int64_t expected = grid.num_patches() * vision.patch_dim();
    if (static_cast<int64_t>(medium.patches.size()) != expected) {
      return invalid_argument("media[{}] has {} patch values, its grid {}x{}x{} needs {}", i,
                              medium.patches.size(), grid.t, grid.h, grid.w, expected);
    }
    num_rows += grid.num_patches() / (merge * merge);
  }
  const int64_t num_slots =
      std::ranges::count_if(input.mm_token_types, [](uint8_t type) { return type != 0; });
  if (num_slots != num_rows) {
    return invalid_argument(
        "the prompt has {} image tokens but its {} pictures give {}: a literal image placeholder "
        "in the text, or a picture without one",
        num_slots, input.media.size(), num_rows);
  }
  return {};
}

// Text-only inputs may come as ids alone.
Result<void> complete_input(processing::ModelInput& input) {
  const size_t n = input.input_ids.size();
  if (input.mm_token_types.empty()) input.mm_token_types.assign(n, 0);
  if (input.mm_token_types.size() != n) {
    return invalid_argument("mm_token_types has {} entries for {} tokens",
                            input.mm_token_types.size(), n);
  }
  for (std::vector<int32_t>& axis : input.position_ids) {
    if (axis.empty() && input.media.empty()) {
      axis.resize(n);
      for (size_t i = 0; i < n; ++i) axis[i] = static_cast<int32_t>(i);
    }
    if (axis.size() != n) {
      return invalid_argument("position_ids has {} entries for {} tokens", axis.size(), n);
    }
  }
  return {};
}

}  // namespace

Result<int64_t> check_request(Request& request, const checkpoint::ModelConfig& config,
                              int64_t max_context_tokens, bool has_token_bytes) {
  const int64_t vocab_size = config.text.vocab_size;
  processing::ModelInput& input = request.input;
  const auto num_prompt = static_cast<int64_t>(input.input_ids.size());
  if (num_prompt == 0) return invalid_argument("the prompt has no tokens");
  if (num_prompt + 1 > max_context_tokens) {
    const int64_t num_image =
        std::ranges::count_if(input.mm_token_types, [](uint8_t type) { return type != 0; });
    return invalid_argument(
        "the prompt is too long: it has {} tokens ({} of them from pictures) and the maximum "
        "context "
        "length is {} tokens, the answer included: shorten the prompt{} or raise the context limit "
        "up "
        "to the model's {}",
        num_prompt, num_image, max_context_tokens,
        num_image > 0 ? ", send fewer pictures, lower --max-pixels" : "",
        config.text.max_position_embeddings);
  }
  GLMV_RETURN_IF_ERROR(check_ids("input_ids", input.input_ids, vocab_size));
  GLMV_RETURN_IF_ERROR(check_ids("thinking.force_ids", request.thinking.force_ids, vocab_size));
  GLMV_RETURN_IF_ERROR(check_ids("answer.open_ids", request.answer.open_ids, vocab_size));
  GLMV_RETURN_IF_ERROR(
      check_ids("answer.not_in_thought_ids", request.answer.not_in_thought_ids, vocab_size));
  GLMV_RETURN_IF_ERROR(check_sampling(request.sampling, vocab_size));
  GLMV_RETURN_IF_ERROR(check_stop(request.stop, has_token_bytes));
  GLMV_RETURN_IF_ERROR(complete_input(input));
  GLMV_RETURN_IF_ERROR(check_media(input, config.vision));
  const int64_t room = max_context_tokens - num_prompt;
  return request.stop.max_new_tokens < 0 ? room : std::min(room, request.stop.max_new_tokens);
}

}  // namespace glmv::runtime
