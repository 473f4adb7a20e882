#pragma once
// The one interface of all model families: vision tower, embedding, decoder, logits. The same
// functions serve inference and training (with grad mode on they record the graph); state travels
// as arguments, a model is const after load and may be shared by threads.
//
// Shape legend: N tokens of all sequences of a batch laid end to end, D hidden size, P patches,
// M = P / merge^2 merged image tokens, K selected rows, V vocabulary.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/base/result.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/checkpoint/quant_config.h"
#include "glmv/model/kv/kv_cache.h"

namespace glmv::model {

// A run of tokens of one sequence inside a batch. Attention is causal inside the sequence and
// never crosses sequences, so packed training rows are simply several slices.
struct SequenceSlice {
  int64_t num_tokens = 0;
  KvCache* cache = nullptr;  // null: no cache (training, scoring)
  // Of how many of the last tokens the hidden states are wanted; the last layer computes no others.
  int64_t num_outputs = num_tokens;
  // Where the tokens stand in the cache; -1: behind those that are there.
  int64_t first_place = -1;

  int64_t place() const { return first_place >= 0 ? first_place : cache->length(); }
};

struct TextBatch {
  at::Tensor hidden_ND;        // input embeddings (embed(), merged with vision rows)
  at::Tensor position_ids_3N;  // int64
  std::vector<SequenceSlice> sequences;
};

struct NamedParameter {
  std::string name;  // canonical checkpoint name
  at::Tensor tensor;
};

// The vision tower on some pictures, step by step, so that other work fits in between. The model
// must outlive it; one thread at a time.
class VisionPass {
 public:
  virtual ~VisionPass() = default;

  // Steps of about equal work: one for every block, and the merger with the last.
  virtual int64_t num_steps() const = 0;
  virtual int64_t num_done() const = 0;
  bool done() const { return num_done() == num_steps(); }
  // The next one.
  virtual void step() = 0;
  // [M, D], once all are done.
  virtual at::Tensor rows() const = 0;
};

struct MtpLayer;

class Vlm {
 public:
  virtual ~Vlm() = default;

  virtual const checkpoint::ModelConfig& config() const = 0;
  virtual at::ScalarType dtype() const = 0;
  virtual at::Device device() const = 0;

  // Patch rows [P, patch_dim] fp32 of all pictures end to end (videos: a grid with t slices) ->
  // [M, D] rows in prompt order.
  virtual at::Tensor encode_images(const at::Tensor& patches,
                                   std::span<const Grid> grids) const = 0;
  // The same in steps. Nothing of `patches` is needed afterwards.
  virtual std::unique_ptr<VisionPass> begin_images(const at::Tensor& patches,
                                                   std::span<const Grid> grids) const = 0;

  // input_ids [N] int64 -> [N, D]. `image_rows` [M, D], when defined, replace the rows whose index
  // is listed in `image_positions` [M] int64, in order.
  virtual at::Tensor embed(const at::Tensor& input_ids, const at::Tensor& image_rows = {},
                           const at::Tensor& image_positions = {}) const = 0;

  // -> final-norm hidden states of every slice's outputs, [N, D] if all are wanted. Caches are
  // appended to; a slice of several tokens behind a cache verifies them at once, and truncate()
  // then drops the rejected ones. Who runs near the limit of the pool calls KvCache::reserve()
  // before; without room this throws.
  virtual at::Tensor forward_text(const TextBatch& batch) const = 0;

  // Hidden rows [K, D] -> logits [K, V] in the model dtype.
  virtual at::Tensor logits(const at::Tensor& hidden_KD) const = 0;

  // The layer that guesses a token more; null where the checkpoint has none, or it was not asked
  // for.
  virtual const MtpLayer* mtp() const { return nullptr; }

  // Bytes of weights that one decoded token reads: decoder with the experts that it chooses, head.
  virtual int64_t bytes_per_token() const = 0;

  // Every weight under its canonical name; tensors share storage with the model, so an optimizer
  // may update them in place and a writer may save them.
  virtual std::vector<NamedParameter> parameters() const = 0;
};

struct LoadOptions {
  std::string dtype = "auto";  // auto | float32 | bfloat16 | float16
  std::string device = "cpu";
  std::string load_format = "auto";  // auto | dummy
  std::string gguf;                  // name of the GGUF file of the folder to take, if several
  uint64_t dummy_seed = 0;
  int quantize_bits = 0;  // 4, 8: float Linears of the decoder are rounded so while loading
  // 8: those of the vision tower and its merger too, multiplied by int8 activations (one scale a
  // row).
  int quantize_vision_bits = 0;
  // kFp8 needs weights in float8, kInt8 is not for them.
  checkpoint::Activations activations = checkpoint::Activations::kFloat;
  bool mtp = false;  // Vlm::mtp() too, where the checkpoint has it
  // Training updates weights in place: they must own their memory (no views of the file map).
  bool for_training = false;
};

struct LoadedModel {
  std::unique_ptr<Vlm> model;
  std::vector<std::string> warnings;  // unknown tensors, conflicting ids
  int64_t weight_bytes = 0;
};

// Loads a checkpoint folder. Families are the rows of families.cc.
Result<LoadedModel> load_model(const std::string& dir, const LoadOptions& options = {});

}  // namespace glmv::model
