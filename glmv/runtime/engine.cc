#include "glmv/runtime/engine.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "glmv/base/kept_memory.h"
#include "glmv/checkpoint/gguf_weights.h"
#include "glmv/checkpoint/model_digest.h"
#include "glmv/checkpoint/quant_config.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/model/text/mtp.h"
#include "glmv/model/vlm.h"
#include "glmv/processing/media_digest.h"
#include "glmv/runtime/engine_internal.h"
#include "glmv/runtime/engine_loop.h"
#include "glmv/runtime/memory_check.h"
#include "glmv/runtime/request_checks.h"
#include "glmv/runtime/torch_model_runner.h"
#include "glmv/tensor/device.h"
#include "glmv/tensor/threads.h"

namespace glmv::runtime {
namespace {

// More are hardly ever all right, and cost as much as a prompt.

// Caches of more tokens than this are not asked for before loading: they grow with use.
constexpr int64_t kMinimumCacheTokens = 8192;

constexpr double kCpuStepMs = 500, kDeviceStepMs = 50;

double max_step_ms(const EngineOptions& options) {
  if (options.max_step_ms > 0) return options.max_step_ms;
  return options.device == "cpu" ? kCpuStepMs : kDeviceStepMs;
}

class Stream final : public TokenStream {
 public:
  explicit Stream(std::shared_ptr<RequestHandle> handle) : handle_(std::move(handle)) {}
  ~Stream() override { handle_->cancelled = true; }

  TokenEvent next() override { return handle_->queue.pop(); }
  std::optional<TokenEvent> next_for(std::chrono::milliseconds wait) override {
    return handle_->queue.pop_for(wait);
  }
  RequestId id() const override { return handle_->id; }

 private:
  std::shared_ptr<RequestHandle> handle_;
};

class ThreadedEngine final : public Engine {
 public:
  ThreadedEngine(std::unique_ptr<ModelRunner> runner, EngineSetup setup, int64_t max_context_tokens)
      : setup_(std::move(setup)),
        max_context_tokens_(max_context_tokens),
        inbox_(std::make_shared<Inbox>()) {
    context_.eos_ids = setup_.eos_ids;
    context_.token_bytes = setup_.token_bytes;
    if (setup_.token_bytes) {
      context_.mask =
          VocabularyMask(setup_.token_bytes, setup_.config.text.vocab_size, setup_.eos_ids);
    }
    const SchedulerOptions options{.max_running = setup_.options.max_running_requests,
                                   .prefill_chunk_tokens = setup_.options.prefill_chunk_tokens};
    const LoopOptions loop{.draft_tokens = setup_.most_drafts(),
                           .adaptive_drafts = setup_.options.draft_tokens == kAutoDrafts,
                           .decode_batch = setup_.options.decode_batch,
                           .max_step_ms = max_step_ms(setup_.options),
                           .check_integrity = setup_.check_integrity};
    thread_ = std::thread([inbox = inbox_, runner = std::move(runner), options, loop]() mutable {
      run_engine(inbox, EngineLoop(inbox, std::move(runner), options, loop));
    });
  }

  ~ThreadedEngine() override {
    inbox_->stop();
    thread_.join();
  }

  Result<std::unique_ptr<TokenStream>> submit(Request request) override {
    const auto num_prompt = static_cast<int64_t>(request.input.input_ids.size());
    const int64_t cache_tokens = setup_.options.kv_cache_tokens;
    if (cache_tokens > 0 && num_prompt + 1 > cache_tokens) {
      return resource_exhausted(
          "the prompt is too long: it has {} tokens and the maximum context length is {} tokens, "
          "the "
          "answer included, as many as the key/value cache holds: shorten the prompt, send fewer "
          "or "
          "smaller pictures, free memory, or raise --kv-cache-tokens",
          num_prompt, cache_tokens);
    }
    GLMV_ASSIGN(const int64_t max_tokens, check_request(request, setup_.config, max_context_tokens_,
                                                        static_cast<bool>(context_.token_bytes)));
    GLMV_RETURN_IF_ERROR(check_media_memory(request.input));
    // Not on the engine thread: a large picture takes some milliseconds.
    for (processing::Medium& medium : request.input.media) {
      if (!medium.digest) medium.digest = processing::media_digest(medium);
    }
    auto handle = std::make_shared<RequestHandle>();
    auto sequence = std::make_unique<Sequence>(handle, std::move(request));
    sequence->generation = std::make_unique<Generation>(sequence->request, max_tokens, context_);
    handle->queue.push({.progress = Progress{}});
    GLMV_RETURN_IF_ERROR(inbox_->put(std::move(sequence)));
    return std::make_unique<Stream>(std::move(handle));
  }

  void cancel(RequestId id) override { inbox_->cancel(id); }

  const checkpoint::ModelConfig& config() const override { return setup_.config; }
  int64_t max_context_tokens() const override { return max_context_tokens_; }
  double load_ms() const override { return setup_.load_ms; }
  int64_t weight_bytes() const override { return setup_.weight_bytes; }
  int64_t weight_bytes_per_token() const override { return setup_.weight_bytes_per_token; }
  int64_t media_cache_bytes() const override { return setup_.media_cache_bytes; }
  Digest weights_digest() const override { return setup_.model_digest; }
  std::vector<std::string> load_warnings() const override { return setup_.warnings; }
  EngineMetrics metrics() const override { return inbox_->metrics(); }

 private:
  // Before the tower takes any of it.
  Result<void> check_media_memory(const processing::ModelInput& input) const {
    if (input.media.empty() || !setup_.available_bytes) return {};
    const std::optional<int64_t> available = setup_.available_bytes();
    if (!available) return {};
    for (size_t i = 0; i < input.media.size(); ++i) {
      const int64_t num_patches = input.media[i].grid.num_patches();
      GLMV_RETURN_IF_ERROR(
          check_medium(i, num_patches, setup_.vision_work_bytes(num_patches), *available));
    }
    return {};
  }

  EngineSetup setup_;
  int64_t max_context_tokens_;
  GenerationContext context_;  // used by the engine thread until it has ended
  std::shared_ptr<Inbox> inbox_;
  std::thread thread_;
};

Result<int64_t> resolve_context(const EngineOptions& options,
                                const checkpoint::ModelConfig& config) {
  const int64_t limit = config.text.max_position_embeddings;
  if (options.max_context_tokens < 0 || options.max_context_tokens > limit) {
    return invalid_argument("a context of {} tokens was asked for, the model allows 1 to {}",
                            options.max_context_tokens, limit);
  }
  return options.max_context_tokens == 0 ? limit : options.max_context_tokens;
}

Result<void> check_cache_dtype(const EngineOptions& options) {
  const std::string& dtype = options.kv_cache_dtype;
  if (dtype == "auto" || (dtype == "int8" && options.device == "cpu")) return {};
  return invalid_argument(
      "keys and values can be auto (as the model) or, on the CPU, int8, not \"{}\" on {}", dtype,
      options.device);
}

Result<void> check_limits(const EngineOptions& options) {
  GLMV_RETURN_IF_ERROR(check_cache_dtype(options));
  if (options.max_running_requests <= 0 || options.prefill_chunk_tokens <= 0 ||
      options.decode_batch <= 0) {
    return invalid_argument(
        "max_running_requests is {}, prefill_chunk_tokens {} and decode_batch {}: all must be "
        "positive",
        options.max_running_requests, options.prefill_chunk_tokens, options.decode_batch);
  }
  if (options.draft_tokens < kAutoDrafts || options.draft_tokens > kMaxDraftTokens) {
    return invalid_argument("draft_tokens is {}: 0 to {} can be guessed at once",
                            options.draft_tokens, kMaxDraftTokens);
  }
  if (!(options.prefix_cache_disk_gb >= 0) || options.prefix_cache_disk_gb > 1e6) {
    return invalid_argument("prefix_cache_disk_gb is {}: give gigabytes from 0 to a million",
                            options.prefix_cache_disk_gb);
  }
  if (!options.prefix_cache_dir.empty() && !options.prefix_cache) {
    return invalid_argument(
        "a folder for prefixes was given ({}) and no prefixes are to be kept: "
        "leave one of the two out",
        options.prefix_cache_dir.string());
  }
  if (!(options.max_step_ms >= 0)) {
    return invalid_argument(
        "max_step_ms is {}: give milliseconds, or 0 for the device's usual ones",
        options.max_step_ms);
  }
  if (options.encoder_cache_mb < 0 || options.media_cache_mb < 0) {
    return invalid_argument(
        "encoder_cache_mb is {} and media_cache_mb {}: give numbers of megabytes, 0 for no cache "
        "of encoded or of decoded pictures",
        options.encoder_cache_mb, options.media_cache_mb);
  }
  if (options.kv_cache_tokens < 0) {
    return invalid_argument(
        "a key/value cache of {} tokens was asked for; 0 is for as many as the "
        "memory allows",
        options.kv_cache_tokens);
  }
  return {};
}

std::vector<int32_t> to_ids(const std::vector<int64_t>& ids) {
  return std::vector<int32_t>(ids.begin(), ids.end());
}

// Bits per weight of --quant; 0 for none.
Result<int> quantize_bits(const EngineOptions& options) {
  if (options.quantize == "none") return 0;
  if (options.quantize == "int8") return 8;
  if (options.quantize == "int4") return 4;
  return invalid_argument(
      "weights can be quantised to int8 or int4, not \"{}\"; none leaves them "
      "as they are",
      options.quantize);
}

Result<int> quantize_vision_bits(const EngineOptions& options) {
  if (options.quantize_vision == "none") return 0;
  if (options.quantize_vision == "int8") return 8;
  return invalid_argument(
      "the vision tower can be quantised to int8, not \"{}\"; none leaves it as "
      "it is",
      options.quantize_vision);
}

Result<checkpoint::Activations> activations(const EngineOptions& options) {
  if (options.activations == "bf16") return checkpoint::Activations::kFloat;
  if (options.activations == "int8") return checkpoint::Activations::kInt8;
  if (options.activations == "fp8") return checkpoint::Activations::kFp8;
  return invalid_argument("activations of quantised weights can be bf16, int8 or fp8, not \"{}\"",
                          options.activations);
}

bool uses_int8_cache(const EngineOptions& options) { return options.kv_cache_dtype == "int8"; }

std::optional<int64_t> available_bytes(const at::Device& device) {
  return device.is_cpu() ? available_memory_bytes() : tensor::free_memory_bytes(device);
}

// The setup with the limit of its cache decided. `available`: before `weight_bytes` were loaded.
Result<EngineSetup> with_cache_limit(EngineSetup setup, const model::Vlm& model,
                                     std::optional<int64_t> available, int64_t weight_bytes) {
  EngineOptions& options = setup.options;
  GLMV_RETURN_IF_ERROR(check_limits(options));
  const bool same_bits =
      model.device().is_cpu() && model.dtype() == at::kBFloat16 && !model.config().text.moe;
  setup.auto_draft_tokens = same_bits ? kernels::kMaxGemvBatch - 1 : 0;
  checkpoint::ModelConfig config = model.config();
  config.text = model::cached_layers(config.text, setup.most_drafts() > 0 ? model.mtp() : nullptr);
  GLMV_ASSIGN(const int64_t max_context_tokens, resolve_context(options, model.config()));
  const auto element_bytes = static_cast<int64_t>(at::elementSize(model.dtype()));
  MemoryNeed need =
      memory_need(config, element_bytes, std::max<int64_t>(1, options.kv_cache_tokens), 0,
                  uses_int8_cache(options));
  need.weights_bytes = weight_bytes;
  setup.encoder_cache_bytes = side_cache_bytes(need, available, options.encoder_cache_mb << 20);
  need.encoder_cache_bytes = setup.encoder_cache_bytes;
  if (model.device().is_cpu()) {
    setup.media_cache_bytes = side_cache_bytes(need, available, options.media_cache_mb << 20);
    need.media_cache_bytes = setup.media_cache_bytes;
  } else {  // of other memory than the model
    setup.media_cache_bytes =
        side_cache_bytes({}, available_memory_bytes(), options.media_cache_mb << 20);
  }
  if (options.kv_cache_tokens == 0) {
    options.kv_cache_tokens =
        default_cache_tokens(need, available, max_context_tokens, options.max_running_requests);
  }
  setup.available_bytes = [device = model.device()]() -> std::optional<int64_t> {
    const std::optional<int64_t> free = available_bytes(device);
    if (!free) return std::nullopt;
    return *free + (device.is_cpu() ? kept_bytes() : 0);  // what is kept is used again
  };
  setup.vision_work_bytes = [config = model.config(), element_bytes](int64_t num_patches) {
    return vision_work_bytes(config, element_bytes, num_patches);
  };
  return setup;
}

Result<std::unique_ptr<ModelRunner>> make_runner(std::shared_ptr<const model::Vlm> model,
                                                 const EngineSetup& setup) {
  const EngineOptions& options = setup.options;
  if (!options.prefix_cache_dir.empty() && setup.model_digest == Digest{}) {
    return invalid_argument("prefixes can be kept in {} only of a model that has a digest",
                            options.prefix_cache_dir.string());
  }
  const auto disk_bytes = static_cast<int64_t>(options.prefix_cache_disk_gb * 1e9);
  return make_model_runner(std::move(model), {.num_threads = options.num_threads,
                                              .cpus = options.cpus,
                                              .cache_tokens = options.kv_cache_tokens,
                                              .int8_cache = uses_int8_cache(options),
                                              .guesses = setup.most_drafts() > 0,
                                              .prefix_cache = options.prefix_cache,
                                              .encoder_cache_bytes = setup.encoder_cache_bytes,
                                              .model_digest = setup.model_digest,
                                              .prefix_cache_dir = options.prefix_cache_dir,
                                              .prefix_cache_disk_bytes = disk_bytes,
                                              .on_warning = options.on_warning});
}

// The weights as they are computed with: a prefix is worth nothing under others.
Result<Digest> digest_of(const EngineOptions& options) {
  GLMV_ASSIGN(const Digest files, checkpoint::model_digest(options.model_dir, options.gguf));
  Sha256 hash;
  hash.add_framed("glmv-weights-1").add(files);
  for (const std::string& option :
       {options.load_format, options.quantize, options.quantize_vision, options.activations}) {
    hash.add_framed(option);
  }
  return hash.digest();
}

// On a thread of its own, whose pool of workers ends with it: OpenMP counts the workers of all
// threads, and with more of them than cores the engine's would sleep instead of waiting awake
// between two operations, a tenth of the time of a token.
Result<model::LoadedModel> load_apart(const EngineOptions& options,
                                      const model::LoadOptions& load) {
  return std::async(std::launch::async,
                    [&] {
                      tensor::use_threads(options.num_threads, options.cpus);
                      return model::load_model(options.model_dir.string(), load);
                    })
      .get();
}

Result<void> check_fits(const EngineOptions& options, const checkpoint::ModelConfig& config,
                        int bits, int64_t max_context_tokens) {
  const std::string& dtype = options.dtype == "auto" ? config.dtype : options.dtype;
  const bool fp32 = dtype == "float32" || dtype == "fp32" || dtype.empty();
  const int64_t cache_tokens = options.kv_cache_tokens > 0
                                   ? options.kv_cache_tokens
                                   : std::min(max_context_tokens, kMinimumCacheTokens);
  const MemoryNeed need =
      memory_need(config, fp32 ? 4 : 2, cache_tokens, bits, uses_int8_cache(options));
  GLMV_ASSIGN(const at::Device device, tensor::parse_device(options.device));
  const std::optional<int64_t> available = available_bytes(device);
  if (!available) return {};
  return check_memory(need, *available, options.model_dir.string());
}

}  // namespace

Result<std::unique_ptr<Engine>> make_engine(std::unique_ptr<ModelRunner> runner,
                                            EngineSetup setup) {
  GLMV_RETURN_IF_ERROR(check_limits(setup.options));
  GLMV_ASSIGN(int64_t max_context_tokens, resolve_context(setup.options, setup.config));
  // One request alone always fits, so the oldest can never be stuck.
  if (const int64_t limit = setup.options.kv_cache_tokens; limit > 0) {
    max_context_tokens = std::min(max_context_tokens, limit);
  }
  return std::make_unique<ThreadedEngine>(std::move(runner), std::move(setup), max_context_tokens);
}

Result<std::unique_ptr<Engine>> make_engine(std::shared_ptr<const model::Vlm> model,
                                            EngineSetup setup) {
  setup.config = model->config();
  if (setup.eos_ids.empty()) setup.eos_ids = to_ids(setup.config.eos_token_ids);
  const auto available = available_bytes(model->device());
  GLMV_ASSIGN(setup, with_cache_limit(std::move(setup), *model, available, 0));
  GLMV_ASSIGN(auto runner, make_runner(std::move(model), setup));
  return make_engine(std::move(runner), std::move(setup));
}

Result<std::unique_ptr<Engine>> Engine::load(const EngineOptions& options, TokenBytes token_bytes) {
  const auto start = std::chrono::steady_clock::now();
  GLMV_ASSIGN(const checkpoint::ModelConfig config,
              checkpoint::read_model_config(options.model_dir));
  GLMV_ASSIGN(const int64_t max_context_tokens, resolve_context(options, config));
  GLMV_ASSIGN(const checkpoint::QuantConfig stored,
              checkpoint::parse_quant_config(config.quantization));
  GLMV_ASSIGN(const int bits, quantize_bits(options));
  GLMV_ASSIGN(const int vision_bits, quantize_vision_bits(options));
  GLMV_ASSIGN(const checkpoint::Activations rounding, activations(options));
  GLMV_RETURN_IF_ERROR(check_cache_dtype(options));
  if (options.check_memory) {
    int held_bits = stored.bits != 0 ? stored.bits : bits;
    if (!options.gguf.empty() || checkpoint::has_only_gguf(options.model_dir)) {
      GLMV_ASSIGN(held_bits, checkpoint::gguf_linear_bits(options.model_dir, options.gguf));
    }
    GLMV_RETURN_IF_ERROR(check_fits(options, config, held_bits, max_context_tokens));
  }
  GLMV_ASSIGN(const at::Device device, tensor::parse_device(options.device));
  // Mapped weights are counted in full, though they take memory only when they are read.
  const std::optional<int64_t> available = available_bytes(device);
  GLMV_ASSIGN(const checkpoint::GenerationConfig generation,
              checkpoint::read_generation_config(options.model_dir, config));
  GLMV_ASSIGN(const Digest digest, digest_of(options));
  GLMV_ASSIGN(model::LoadedModel loaded, load_apart(options, {.dtype = options.dtype,
                                                              .device = options.device,
                                                              .load_format = options.load_format,
                                                              .gguf = options.gguf,
                                                              .quantize_bits = bits,
                                                              .quantize_vision_bits = vision_bits,
                                                              .activations = rounding,
                                                              .mtp = options.draft_tokens != 0}));
  EngineSetup setup{.options = options,
                    .token_bytes = std::move(token_bytes),
                    .eos_ids = to_ids(generation.eos_token_ids),
                    .load_ms = ms_since(start),
                    .weight_bytes = loaded.weight_bytes,
                    .warnings = std::move(loaded.warnings),
                    .model_digest = digest};
  if (config.raw.contains("auto_map")) {
    setup.warnings.push_back(
        "config.json names code of the checkpoint (auto_map); none of it is run");
  }
  const std::shared_ptr<const model::Vlm> model = std::move(loaded.model);
  setup.config = model->config();
  setup.weight_bytes_per_token = model->bytes_per_token();
  if (setup.eos_ids.empty()) setup.eos_ids = to_ids(setup.config.eos_token_ids);
  GLMV_ASSIGN(setup, with_cache_limit(std::move(setup), *model, available, loaded.weight_bytes));
  GLMV_ASSIGN(auto runner, make_runner(model, setup));
  return make_engine(std::move(runner), std::move(setup));
}

}  // namespace glmv::runtime
