#pragma once
// All tensors of a checkpoint folder under canonical names: shards joined, names of
// older layouts mapped, tensors of parts we do not have (MTP layers, rotary inv_freq) dropped.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "glmv/checkpoint/hf_config.h"
#include "glmv/checkpoint/safetensors.h"

namespace glmv::checkpoint {

// Canonical name -> view. A canonical tensor that lies on disk in pieces or fused (gate_proj +
// up_proj for gate_up_proj, q + k + v for the vision qkv, fused experts) is given here in the
// pieces' own canonical spelling; the loader (glmv/tensor) concatenates or slices:
//   glm4v, glm_ocr text MLP  ".mlp.gate_up_proj.weight"
//                            or ".mlp.gate_proj.weight" + ".mlp.up_proj.weight"
//   glm4v_moe dense MLP      ".mlp.gate_proj.weight" + ".mlp.up_proj.weight"
//                            or ".mlp.gate_up_proj.weight"
//   glm4v_moe experts        ".mlp.experts.E.{gate,up,down}_proj.weight"
//                            or ".mlp.experts.gate_up_proj" [E, 2I, D] +
//                            ".mlp.experts.down_proj" [E, D, I]
//   vision attention         ".attn.qkv.weight|bias" or ".attn.{q,k,v}.weight|bias"
struct Weights {
  std::map<std::string, TensorView> tensors;
  std::vector<std::string> ignored;  // known and skipped (MTP, inv_freq)
  // Of those, the layer that predicts one token more: "model.language_model.layers.N.*" with N =
  // num_hidden_layers, as in the first of several.
  std::map<std::string, TensorView> mtp_tensors;
  std::vector<std::filesystem::path> files;
  int64_t total_bytes = 0;
  bool is_gguf = false;  // quantised tensors are there as blocks (ggml_blocks.h)
};

// Opens model.safetensors, or the shards of model.safetensors.index.json (paths that leave the
// folder, missing shards and tensors that are not where the index says are errors). Two tensors
// with one canonical name are an error. A folder without those, or with `gguf`, the name of one
// such file in it, is read as GGUF (gguf_weights.h).
Result<Weights> open_weights(const std::filesystem::path& dir, const ModelConfig& config,
                             const std::filesystem::path& gguf = {});

// The canonical spelling of a tensor name, or "" when the tensor is known and skipped.
std::string canonical_name(const std::string& name, const ModelConfig& config);

// The same for a tensor of the first MTP layer; none for others.
std::optional<std::string> mtp_name(const std::string& name, const ModelConfig& config);

// What the model expects: every canonical tensor with its shape (unquantised layout; one entry per
// Linear, fused forms as published, experts one by one). Used by the loader, `inspect`,
// make-tiny and dummy loading.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  bool fp32 = false;      // e_score_correction_bias stays fp32 in every load dtype
  bool optional = false;  // biases whose presence the file decides
  int64_t num_elements() const;
};
std::vector<TensorSpec> expected_tensors(const ModelConfig& config);

}  // namespace glmv::checkpoint
