#pragma once
// A whole tiny checkpoint folder: golden config and tokenizer, random weights, built-in template.

#include <fstream>

#include "glmv/base/json.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/train/checkpointing.h"
#include "glmv/train/model_for_test.h"

namespace glmv::train {

// `tokenizer`: a folder of tests/golden/tokenizer; `model_type`: decides the built-in template.
inline void write_config(const std::filesystem::path& dir, const std::string& tokenizer,
                         const std::string& model_type) {
  namespace fs = std::filesystem;
  const fs::path golden = fs::path(GLMV_SOURCE_DIR) / "tests/golden";
  fs::create_directories(dir);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    fs::copy_file(golden / "tokenizer" / tokenizer / name, dir / name);
  }
  Json config = *read_json_file(golden / "models/glm4v/config.json");
  const bool small = tokenizer == "glm41v";
  config["model_type"] = model_type;
  config["text_config"]["vocab_size"] = small ? 480 : 496;
  config["text_config"]["eos_token_id"] = {459, 466};
  config["text_config"]["pad_token_id"] = 459;
  config["image_start_token_id"] = 469;
  config["image_end_token_id"] = 470;
  config["video_start_token_id"] = 471;
  config["video_end_token_id"] = 472;
  config["image_token_id"] = small ? 473 : 493;
  config["video_token_id"] = small ? 474 : 494;
  std::ofstream(dir / "config.json") << config.dump(2);
}

inline void write_tiny_checkpoint(const std::filesystem::path& dir) {
  at::set_num_threads(1);
  write_config(dir, "glm41v", "glm4v");
  auto loaded = model::load_model(dir.string(),
                                  {.dtype = "float32", .load_format = "dummy", .dummy_seed = 3});
  if (!loaded) throw std::runtime_error(loaded.error().message);
  const auto written = write_tensors(dir / "model.safetensors", loaded->model->parameters());
  if (!written) throw std::runtime_error(written.error().message);
}

}  // namespace glmv::train
