// glmv_forward MODEL_DIR DTYPE OUT_DIR [int8|fp8]: for line i of the input writes
// OUT_DIR/i.safetensors with input_ids [N], position_ids [3, N], rope_delta [1], vision_rows [M, D]
// (none without pictures) and logits [N, V] of all tokens, floats in fp32. A line is {"messages":
// [...], "trust": bool} and, at will: "continuation", ids behind the prompt; "chunk", tokens per
// step over a KV cache (none: one step without cache); "routing", a file with
// layer.i.router_indices and _weights [N, K], which adds pinned_logits, those experts taken instead
// of the router's. int8, fp8: activations of quantised weights. Used by
// tools/parity/{stages,model,quant}.py.

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <variant>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/checkpoint/safetensors.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/model/glm_vlm.h"
#include "glmv/processing/processor.h"
#include "glmv/tensor/from_checkpoint.h"
#include "glmv/text/messages.h"

namespace {

using glmv::checkpoint::DType;

struct Outputs {
  std::vector<at::Tensor> kept;
  std::vector<glmv::checkpoint::TensorToWrite> rows;

  void add(const std::string& name, const at::Tensor& values) {
    const bool floats = values.is_floating_point();
    kept.push_back(values.to(floats ? at::kFloat : at::kLong).contiguous());
    const at::Tensor& t = kept.back();
    rows.push_back({name,
                    floats ? DType::kF32 : DType::kI64,
                    t.sizes().vec(),
                    {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()}});
  }
};

template <class T>
at::Tensor longs(const std::vector<T>& values) {
  return at::tensor(at::ArrayRef<T>(values), at::kLong);
}

at::Tensor encode(const glmv::model::Vlm& model, glmv::processing::ModelInput& input) {
  std::vector<at::Tensor> patches;
  std::vector<glmv::Grid> grids;
  for (glmv::processing::Medium& medium : input.media) {
    patches.push_back(at::from_blob(medium.patches.data(),
                                    {medium.grid.num_patches(), model.config().vision.patch_dim()},
                                    at::TensorOptions().dtype(at::kFloat)));
    grids.push_back(medium.grid);
  }
  return patches.empty() ? at::Tensor() : model.encode_images(at::cat(patches), grids);
}

// All logits, `chunk` tokens at a time over a cache; 0: at once, without.
at::Tensor logits_of(const glmv::model::Vlm& model, const at::Tensor& hidden,
                     const at::Tensor& positions, int64_t chunk) {
  const int64_t length = hidden.size(0);
  if (chunk <= 0) return model.logits(model.forward_text({hidden, positions, {{length, nullptr}}}));
  glmv::model::KvCache cache(std::make_shared<glmv::model::KvPool>(
      model.config().text, model.dtype(), model.device(), length));
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < length; begin += chunk) {
    const int64_t n = std::min(chunk, length - begin);
    parts.push_back(model.logits(model.forward_text(
        {hidden.narrow(0, begin, n), positions.narrow(1, begin, n), {{n, &cache}}})));
  }
  return at::cat(parts);
}

glmv::Result<at::Tensor> pinned_logits(const glmv::model::Vlm& model, const at::Tensor& hidden,
                                       const at::Tensor& positions, const std::string& path) {
  GLMV_ASSIGN(const auto file, glmv::checkpoint::open_safetensors(path));
  const auto tensor_of = [&file](const std::string& name) {
    return glmv::tensor::as_tensor(file.tensors.at(name));
  };
  glmv::model::Decoder decoder = dynamic_cast<const glmv::model::GlmVlm&>(model).decoder();
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    auto* moe = std::get_if<glmv::model::Moe>(&decoder.layers[i].mlp);
    const std::string key = "layer." + std::to_string(i) + ".router_";
    if (moe != nullptr) moe->pinned = {tensor_of(key + "indices"), tensor_of(key + "weights")};
  }
  return model.logits(decoder.forward({hidden, positions, {{hidden.size(0), nullptr}}}));
}

glmv::Result<void> forward(const glmv::processing::Processor& processor,
                           const glmv::model::Vlm& model, const std::string& line,
                           const std::string& path) {
  GLMV_ASSIGN(const glmv::Json request, glmv::parse_json(line, "line"));
  GLMV_ASSIGN(const auto messages, glmv::text::parse_messages(request.at("messages")));
  glmv::processing::PromptOptions options;
  if (request.value("trust", false)) options.tokens_in_text = glmv::text::TokensInText::kAll;
  GLMV_ASSIGN(glmv::processing::ModelInput input, processor.process(messages, options));
  input.append_text(request.value("continuation", std::vector<int32_t>{}));
  const at::Tensor ids = longs(input.input_ids);
  const at::Tensor positions = at::stack(
      {longs(input.position_ids[0]), longs(input.position_ids[1]), longs(input.position_ids[2])});
  Outputs out;
  out.add("input_ids", ids);
  out.add("position_ids", positions);
  out.add("rope_delta", at::full({1}, input.rope_delta, at::kLong));
  const at::Tensor rows = encode(model, input);
  at::Tensor hidden = model.embed(ids);
  if (rows.defined()) {
    out.add("vision_rows", rows);
    hidden = model.embed(ids, rows, at::nonzero(longs(input.mm_token_types)).flatten());
  }
  out.add("logits", logits_of(model, hidden, positions, request.value("chunk", 0)));
  if (request.contains("routing")) {
    GLMV_ASSIGN(const at::Tensor logits,
                pinned_logits(model, hidden, positions, request.at("routing")));
    out.add("pinned_logits", logits);
  }
  return glmv::checkpoint::write_safetensors(path, out.rows);
}

}  // namespace

int main(int argc, char** argv) {
  using glmv::checkpoint::Activations;
  const std::string rounding = argc == 5 ? argv[4] : "";
  if (argc < 4 || argc > 5 || (argc == 5 && rounding != "int8" && rounding != "fp8")) {
    std::fprintf(stderr, "usage: glmv_forward MODEL_DIR DTYPE OUT_DIR [int8|fp8] < PROMPTS\n");
    return 2;
  }
  const Activations activations = rounding == "int8"  ? Activations::kInt8
                                  : rounding == "fp8" ? Activations::kFp8
                                                      : Activations::kFloat;
  const c10::InferenceMode no_grad;
  const auto processor = glmv::processing::Processor::load(argv[1]);
  const auto loaded =
      glmv::model::load_model(argv[1], {.dtype = argv[2], .activations = activations});
  if (!processor || !loaded) {
    std::cerr << (processor ? loaded.error() : processor.error()).message << "\n";
    return 1;
  }
  std::string line;
  for (int i = 0; std::getline(std::cin, line); ++i) {
    const std::string path = std::string(argv[3]) + "/" + std::to_string(i) + ".safetensors";
    if (const auto done = forward(*processor, *loaded->model, line, path); !done) {
      std::cerr << "prompt " << i << ": " << done.error().message << "\n";
      return 1;
    }
  }
  return 0;
}
