#pragma once
// Requests of the tiny reference checkpoints (tests/golden/models) and an engine over them, for
// tests.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "glmv/checkpoint/safetensors.h"
#include "glmv/model/vlm.h"
#include "glmv/runtime/engine.h"
#include "glmv/runtime/engine_internal.h"
#include "glmv/tensor/device_for_test.h"
#include "glmv/tensor/from_checkpoint.h"

namespace glmv::runtime {

namespace fs = std::filesystem;

inline fs::path golden_dir(const std::string& model) {
  return fs::path(GLMV_SOURCE_DIR) / "tests/golden/models" / model;
}

struct GoldenCase {
  Request request;
  std::vector<int32_t> greedy;
};

inline std::vector<int32_t> ids_of(const checkpoint::SafetensorsFile& file,
                                   const std::string& name) {
  const at::Tensor tensor = tensor::as_tensor(file.tensors.at(name)).to(at::kLong).contiguous();
  const int64_t* data = tensor.const_data_ptr<int64_t>();
  return std::vector<int32_t>(data, data + tensor.numel());
}

inline GoldenCase read_case(const std::string& model, const std::string& name) {
  const auto file = *checkpoint::open_safetensors(golden_dir(model) / (name + ".safetensors"));
  GoldenCase golden{.greedy = ids_of(file, "greedy")};
  processing::ModelInput& input = golden.request.input;
  input.input_ids = ids_of(file, "input_ids");
  for (int32_t type : ids_of(file, "mm_token_type_ids")) {
    input.mm_token_types.push_back(static_cast<uint8_t>(type));
  }
  const std::vector<int32_t> positions = ids_of(file, "position_ids");
  const size_t n = input.input_ids.size();
  for (size_t axis = 0; axis < 3; ++axis) {
    input.position_ids[axis].assign(positions.begin() + axis * n,
                                    positions.begin() + (axis + 1) * n);
  }
  input.rope_delta = ids_of(file, "rope_delta")[0];
  if (file.tensors.contains("grid_thw")) {
    const std::vector<int32_t> grids = ids_of(file, "grid_thw");
    const at::Tensor values = tensor::as_tensor(file.tensors.at("pixel_values")).contiguous();
    const float* patches = values.const_data_ptr<float>();
    for (size_t i = 0; i < grids.size(); i += 3) {
      processing::Medium medium;
      medium.grid = {grids[i], grids[i + 1], grids[i + 2]};
      const int64_t count = medium.grid.num_patches() * values.size(1);
      medium.patches.assign(patches, patches + count);
      patches += count;
      input.media.push_back(std::move(medium));
    }
  }
  golden.request.sampling.temperature = 0;
  golden.request.stop.max_new_tokens = static_cast<int64_t>(golden.greedy.size());
  golden.request.stop.ignore_eos = true;
  return golden;
}

inline std::unique_ptr<Engine> load(const std::string& model, int64_t chunk = 512,
                                    int64_t max_running = 8, int64_t draft_tokens = 0) {
  auto engine = Engine::load({.model_dir = golden_dir(model),
                              .device = tensor::test_device(),
                              .num_threads = 1,
                              .prefill_chunk_tokens = chunk,
                              .max_running_requests = max_running,
                              .draft_tokens = draft_tokens},
                             {});
  EXPECT_TRUE(engine) << engine.error().message;
  return std::move(*engine);
}

inline std::unique_ptr<TokenStream> submit(Engine& engine, Request request) {
  auto stream = engine.submit(std::move(request));
  EXPECT_TRUE(stream) << stream.error().message;
  return std::move(*stream);
}

inline std::vector<int32_t> tokens_of(TokenStream& stream, TokenEvent* last = nullptr) {
  std::vector<int32_t> tokens;
  while (true) {
    TokenEvent event = stream.next();
    if (event.token_id) tokens.push_back(*event.token_id);
    if (event.finish == FinishReason::kNone) continue;
    EXPECT_FALSE(event.error) << event.error->message;
    if (last) *last = std::move(event);
    return tokens;
  }
}

inline const std::vector<std::string> kModels = {"glm4v", "glm46v", "glm4v_moe", "glm4v_moe_grp",
                                                 "glm_ocr"};
inline const std::vector<std::string> kCases = {"text", "2img", "video"};

// The golden prompt with pictures, and text behind it so that it fills several blocks.
inline Request long_request(const std::string& model, int64_t num_text, int64_t max_new_tokens) {
  Request request = read_case(model, "2img").request;
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < num_text; ++i) ids.push_back(static_cast<int32_t>(10 + i * 7 % 200));
  request.input.append_text(ids);
  request.stop.max_new_tokens = max_new_tokens;
  return request;
}

}  // namespace glmv::runtime
