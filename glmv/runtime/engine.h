#pragma once
// The engine owns the model, the caches and one thread on which all model work happens. Requests
// come in through submit() from any thread; their tokens come back through TokenStream, the only
// path back up. Several engines may live in one process.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/base/sha256.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/runtime/metrics.h"
#include "glmv/runtime/request.h"

namespace glmv::runtime {

inline constexpr int64_t kAutoDrafts = -1;

struct EngineOptions {
  std::filesystem::path model_dir;
  std::string gguf;                      // name of the GGUF file of model_dir to take, if several
  std::string dtype = "auto";            // auto (as in the checkpoint) | float32 | bfloat16
  std::string device = "cpu";            // cpu | cuda[:i] | npu[:i]
  std::string load_format = "auto";      // auto | dummy (random weights of the config's shapes)
  std::string quantize = "none";         // none | int8 | int4: round float weights while loading
  std::string quantize_vision = "none";  // none | int8, with int8 activations: of the vision tower
  // Of quantised Linears: bf16 (exact) | int8 (faster) | fp8 (float8 weights, as on GPUs).
  std::string activations = "bf16";
  int num_threads = 0;             // 0: all cores, or as many as `cpus`
  std::vector<int> cpus;           // that the threads stay on, ascending; empty: any
  int64_t max_context_tokens = 0;  // 0: the model's max_position_embeddings
  int64_t prefill_chunk_tokens = 512;
  // While others answer, prompts and pictures are read in steps meant to take no longer.
  // 0: 500 on a CPU, 50 else.
  double max_step_ms = 0;
  int64_t max_running_requests = 32;  // later ones wait in the queue
  // Limit of the key/value cache of all requests together. It grows with use. 0: by the memory that
  // is free beside the weights. A request can use no more, whatever the context limit.
  int64_t kv_cache_tokens = 0;
  // Of keys and values: auto (the model's) | int8 (CPU; half the memory, slightly other answers).
  std::string kv_cache_dtype = "auto";
  // Speculation: so many tokens are guessed from what stands in the context already and checked in
  // one pass with the next one, while one request alone decodes. Samples are those without it, but
  // for the rounding of products of several rows. 0: none. kAutoDrafts: as many as were seen to
  // pay, where the bits are the same (bf16 on a CPU).
  int64_t draft_tokens = kAutoDrafts;
  // So many sequences are decoded in one pass. On a CPU the bits of a reply do not depend on its
  // neighbours up to 8.
  int64_t decode_batch = 8;
  bool prefix_cache = true;  // requests that begin alike share what was computed
  // Where finished requests leave their full blocks in files, for later requests, also of later
  // processes with the same model; empty: nowhere. At most so many GB (1e9 bytes), those used
  // longest ago go first.
  std::filesystem::path prefix_cache_dir;
  double prefix_cache_disk_gb = 16;
  // Encoded media kept for later requests with the same ones, in MB; less where memory is short.
  int64_t encoder_cache_mb = 1024;
  // Decoded and resized media kept likewise, by whoever asks the engine (media_cache_bytes()).
  int64_t media_cache_mb = 1024;
  // Told of what goes wrong and fails no request (a full disk). From any thread.
  std::function<void(const std::string&)> on_warning;
  bool check_memory = true;  // refuse to load when the model cannot fit in memory
};

// The receiving end of one request. next() blocks; the last event has finish != kNone, after it
// next() returns that event again. Destroying the stream cancels the request. One consumer thread.
class TokenStream {
 public:
  virtual ~TokenStream() = default;
  virtual TokenEvent next() = 0;
  // As next(), or none when nothing came for so long.
  virtual std::optional<TokenEvent> next_for(std::chrono::milliseconds /*wait*/) { return next(); }
  virtual RequestId id() const = 0;
};

// Turns token ids into text for stop strings; given by the owner of the tokenizer so that the
// engine needs none. Called on the engine thread only; returns the bytes of one token.
using TokenBytes = std::function<std::string(int32_t)>;

class Engine {
 public:
  // Loads the model. Errors: not_found, invalid_argument (broken checkpoint), unsupported,
  // resource_exhausted (says how much memory is needed).
  static Result<std::unique_ptr<Engine>> load(const EngineOptions& options, TokenBytes token_bytes);

  virtual ~Engine() = default;

  // Checks the request (context limit, ids in range) before any compute and queues it.
  virtual Result<std::unique_ptr<TokenStream>> submit(Request request) = 0;
  // Ends a request soon; its stream gets finish kCancelled. Unknown ids are ignored.
  virtual void cancel(RequestId id) = 0;

  virtual const checkpoint::ModelConfig& config() const = 0;
  virtual int64_t max_context_tokens() const = 0;
  virtual double load_ms() const = 0;
  virtual int64_t weight_bytes() const = 0;
  // What one decoded token reads of them.
  virtual int64_t weight_bytes_per_token() const = 0;
  // What a cache of media on the way to the engine may take, beside all that the engine takes.
  virtual int64_t media_cache_bytes() const { return 0; }
  // Of the weights as they are computed with; zeros where they are not from files.
  virtual Digest weights_digest() const { return {}; }
  // What the loader found odd (unknown tensors, conflicting ids); for inspect and logs.
  virtual std::vector<std::string> load_warnings() const { return {}; }
  // Thread-safe snapshot.
  virtual EngineMetrics metrics() const { return {}; }
};

}  // namespace glmv::runtime
