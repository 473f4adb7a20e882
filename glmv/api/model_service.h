#pragma once
// What a server tells of a model besides its replies: tokens, prompts, counters.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "glmv/api/chat_types.h"

namespace glmv::api {

struct PromptMedium {
  std::string kind;               // image | video
  int64_t width = 0, height = 0;  // of the original, pixels
  std::vector<int64_t> grid_thw;  // patches
  int64_t num_tokens = 0;
};

struct PromptTokens {
  std::vector<int32_t> ids;  // placeholders of media repeated
  std::vector<PromptMedium> media;
};

// Counters since the start, and what is now; names in the field's terms.
struct ModelMetrics {
  int64_t num_running = 0, num_waiting = 0;
  int64_t num_preempted = 0;
  int64_t prompt_tokens = 0, generated_tokens = 0, cached_tokens = 0;
  int64_t drafted_tokens = 0, accepted_tokens = 0;
  int64_t cache_blocks = 0, used_cache_blocks = 0;
  int64_t cache_block_tokens = 0;
  bool engine_alive = true;  // false: nothing will be answered any more
  int64_t num_steps = 0;     // of the engine
  double step_seconds = 0;   // since the running one began; 0: none runs
  int64_t encoder_cache_queries = 0, encoder_cache_hits = 0;  // media
  double encoder_seconds = 0;                                 // in the vision tower
  int64_t media_cache_queries = 0, media_cache_hits = 0;      // media, decoded and resized
};

// Thread-safe.
class ModelService {
 public:
  virtual ~ModelService() = default;

  // The tokens of a prompt's text. Errors: invalid_argument (not UTF-8; a token that stands for
  // pictures, which a raw prompt has none of).
  virtual Result<std::vector<int32_t>> tokenize(const RawPrompt& prompt) const = 0;
  // Bytes; ids that do not exist contribute nothing.
  virtual std::string detokenize(std::span<const int32_t> ids) const = 0;
  // The prompt of a request, its pictures decoded; errors as chat() has them.
  virtual Result<PromptTokens> prompt_tokens(const ChatRequest& request) const = 0;
  virtual Result<std::string> prompt_text(const ChatRequest& request) const = 0;
  // Source of the template that makes prompts.
  virtual std::string chat_template() const = 0;
  virtual ModelMetrics metrics() const = 0;
};

}  // namespace glmv::api
