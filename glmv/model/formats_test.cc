// Whole tiny models in other weight formats: FP8 against the dequantised weights, GGUF files as
// llama.cpp's converter would write them against the checkpoint that they come from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "glmv/checkpoint/gguf_for_test.h"
#include "glmv/checkpoint/gguf_names.h"
#include "glmv/checkpoint/test_support.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/model/golden_for_test.h"
#include "glmv/model/vlm.h"

namespace glmv::model {
namespace {

using checkpoint::Activations;
using checkpoint::testing::GgufBytes;
using checkpoint::testing::TempFolder;
using testing::HasSubstr;

using Tensors = std::map<std::string, at::Tensor>;

Tensors golden_tensors(const std::string& model) {
  const Golden golden(model, "model");
  Tensors tensors;
  for (const std::string& name : golden.names()) tensors[name] = golden[name].cpu();
  return tensors;
}

std::string bytes_of(const at::Tensor& tensor) {
  const at::Tensor held = tensor.contiguous();
  return {static_cast<const char*>(held.const_data_ptr()), held.nbytes()};
}

bool is_decoder_linear(const std::string& name, const at::Tensor& tensor) {
  return name.find(".layers.") != std::string::npos && name.ends_with("_proj.weight") &&
         tensor.dim() == 2;
}

// The folder of `model` with these tensors and changes of its config.json.
void write_folder(const TempFolder& folder, const std::string& model, const Tensors& tensors,
                  const Json& changes) {
  std::vector<at::Tensor> held;
  std::vector<checkpoint::TensorToWrite> rows;
  for (const auto& [name, tensor] : tensors) {
    held.push_back(tensor.contiguous());
    const at::Tensor& t = held.back();
    rows.push_back({name,
                    tensor::from_scalar_type(t.scalar_type()),
                    t.sizes().vec(),
                    {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()}});
  }
  ASSERT_TRUE(checkpoint::write_weights(folder.path(), rows));
  Json config = *read_json_file(golden_dir(model) + "/config.json");
  config.update(changes);
  folder.write("config.json", config.dump());
}

at::Tensor logits(const std::filesystem::path& dir, const std::string& model, LoadOptions options) {
  const c10::InferenceMode no_grad;
  const auto loaded = load_model(dir.string(), options);
  if (!loaded) {
    ADD_FAILURE() << loaded.error().message;
    return at::zeros({1});
  }
  EXPECT_TRUE(loaded->warnings.empty()) << loaded->warnings.front();
  const Golden golden(model, "text");
  const at::Tensor hidden =
      loaded->model->forward_text({.hidden_ND = loaded->model->embed(golden["input_ids"].cpu()),
                                   .position_ids_3N = golden["position_ids"].cpu(),
                                   .sequences = {{.num_tokens = golden["input_ids"].numel()}}});
  return loaded->model->logits(hidden).to(at::kFloat);
}

class Fp8Models : public testing::TestWithParam<const char*> {};

TEST_P(Fp8Models, LogitsEqualTheDequantisedWeights) {
  const std::string model = GetParam();
  for (const bool blocks : {false, true}) {
    Tensors stored, plain;
    for (const auto& [name, tensor] : golden_tensors(model)) {
      if (!is_decoder_linear(name, tensor)) {
        stored[name] = plain[name] = tensor;
        continue;
      }
      // One scale a row, or of 16 rows and 8 inputs: all widths of the tiny models divide.
      const int64_t rows = blocks ? 16 : 1, columns = blocks ? 8 : tensor.size(1);
      const at::Tensor grid = tensor.view({tensor.size(0) / rows, rows, -1, columns});
      const at::Tensor scale = grid.abs().amax({1, 3}) / 448;
      const at::Tensor spread = scale.repeat_interleave(rows, 0).repeat_interleave(columns, 1);
      stored[name] = (tensor / spread).to(at::kFloat8_e4m3fn);
      stored[name + "_scale"] = scale;
      plain[name] = stored[name].to(at::kFloat) * spread;
    }
    const Json weights = {
        {"num_bits", 8}, {"type", "float"}, {"block_structure", blocks ? Json{16, 8} : Json()}};
    const Json config = {{"quantization_config",
                          {{"quant_method", "compressed-tensors"},
                           {"format", "float-quantized"},
                           {"config_groups", {{"group_0", {{"weights", weights}}}}}}}};
    const TempFolder quantised, dequantised;
    write_folder(quantised, model, stored, config);
    write_folder(dequantised, model, plain, Json::object());
    const at::Tensor want = logits(dequantised.path(), model, {.dtype = "float32"});
    EXPECT_LT(relative_l2(logits(quantised.path(), model, {.dtype = "float32"}), want), 1e-5);
    const bool moe = model.find("moe") != std::string::npos;  // bf16 may choose another expert
    EXPECT_LT(relative_l2(logits(quantised.path(), model, {}), want), moe ? 0.3 : 0.05);
    const double rounded = relative_l2(
        logits(quantised.path(), model, {.dtype = "float32", .activations = Activations::kFp8}),
        want);
    EXPECT_GT(rounded, 1e-3);
    EXPECT_LT(rounded, moe ? 0.5 : 0.2);
    const auto integers =
        load_model(quantised.path().string(), {.activations = Activations::kInt8});
    ASSERT_FALSE(integers);
    EXPECT_THAT(integers.error().message, HasSubstr("int8"));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Fp8Models, testing::Values("glm4v", "glm4v_moe", "glm_ocr"));

TEST(Fp8Models, RoundedActivationsNeedFp8Weights) {
  const auto loaded = load_model(golden_dir("glm4v"), {.activations = Activations::kFp8});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kInvalidArgument);
}

const std::regex kNumber(R"(\.(layers|blocks|blk|experts)\.\d+\.)");

// Names with numbers of layers and experts taken out.
std::string general(const std::string& name) {
  const std::string one = std::regex_replace("." + name, kNumber, ".$1.*.");
  return std::regex_replace(one, kNumber, ".$1.*.").substr(1);
}

// The number behind `part` in a name, as text.
std::string number_behind(const std::string& name, const std::string& part) {
  const size_t at = name.find(part);
  if (at == std::string::npos) return "";
  const size_t begin = at + part.size();
  return name.substr(begin, name.find('.', begin) - begin);
}

std::string gguf_name(const std::string& canonical, bool is_moe) {
  for (const Json& item : checkpoint::testing::read_cases("gguf_names.jsonl")) {
    if (item["moe"] != is_moe && canonical.find("visual") == std::string::npos) continue;
    if (general(item["canonical"]) != general(canonical)) continue;
    std::string layer = number_behind(canonical, ".layers.") + number_behind(canonical, ".blocks.");
    return std::regex_replace(item["gguf"].get<std::string>(), std::regex(R"(blk\.\d+\.)"),
                              "blk." + layer + ".");
  }
  // Biases stand in the cases for some layers only.
  if (canonical.ends_with(".bias")) {
    std::string name = gguf_name(canonical.substr(0, canonical.size() - 4) + "weight", is_moe);
    return name.substr(0, name.size() - 6) + "bias";
  }
  ADD_FAILURE() << canonical;
  return canonical;
}

// Rows of q and k as llama.cpp's converter moves them.
at::Tensor with_halves(const at::Tensor& rows, const checkpoint::TextConfig& text) {
  at::Tensor heads = rows.reshape({-1, text.head_dim, rows.numel() / rows.size(0)});
  const int64_t rotary = text.rope.rotary_dim;
  const at::Tensor pairs = heads.narrow(1, 0, rotary);
  const at::Tensor rest = heads.narrow(1, rotary, text.head_dim - rotary);
  return at::cat({pairs.slice(1, 0, std::nullopt, 2), pairs.slice(1, 1, std::nullopt, 2), rest}, 1)
      .reshape(rows.sizes())
      .contiguous();
}

// Q8_0 with scales of max / 127, and what it stands for.
std::pair<std::string, at::Tensor> to_q8_0(const at::Tensor& tensor) {
  const at::Tensor groups = tensor.reshape({-1, 32});
  const at::Tensor scales = (groups.abs().amax(1, true) / 127).to(at::kHalf);
  const at::Tensor q = (groups / scales.to(at::kFloat).clamp_min(1e-9)).round().to(at::kChar);
  std::string bytes;
  for (int64_t i = 0; i < groups.size(0); ++i) bytes += bytes_of(scales[i]) + bytes_of(q[i]);
  return {bytes, (q.to(at::kFloat) * scales.to(at::kFloat)).view(tensor.sizes())};
}

class GgufModels : public testing::TestWithParam<std::tuple<const char*, bool>> {};

TEST_P(GgufModels, AreTheCheckpointThatTheyComeFrom) {
  const auto& [model_name, quantise] = GetParam();
  const std::string model = model_name;
  const auto config = *checkpoint::read_model_config(golden_dir(model));
  const bool is_moe = config.text.moe.has_value();
  GgufBytes text, vision;
  text.pair("general.architecture", is_moe ? "glm4moe" : "glm4");
  if (!is_moe) text.pair("glm4.rope.dimension_sections", 1u);
  vision.pair("general.architecture", "clip").pair("clip.projector_type", "glm4v");
  Tensors want;
  std::map<std::string, std::map<int, at::Tensor>> experts;
  const auto write = [&](GgufBytes& file, const std::string& name, const at::Tensor& tensor) {
    std::vector<uint64_t> dims(tensor.sizes().rbegin(), tensor.sizes().rend());
    const bool whole_blocks = quantise && tensor.dim() >= 2 && tensor.size(-1) % 32 == 0 &&
                              name.find("ffn_gate_inp") == std::string::npos &&
                              name.find("position") == std::string::npos;
    if (!whole_blocks) {
      file.tensor(name, dims, 0, bytes_of(tensor));
      return tensor;
    }
    const auto [bytes, held] = to_q8_0(tensor);
    file.tensor(name, dims, 8, bytes);
    return held;
  };
  for (const auto& [name, tensor] : golden_tensors(model)) {
    GgufBytes& file = name.find("visual") == std::string::npos ? text : vision;
    const std::string its_name = gguf_name(name, is_moe);
    if (const std::string expert = number_behind(name, ".experts."); !expert.empty()) {
      experts[its_name][std::stoi(expert)] = tensor;
      continue;
    }
    if (name.ends_with("patch_embed.proj.weight")) {
      file.tensor(its_name, {14, 14, 3, static_cast<uint64_t>(tensor.size(0))}, 0,
                  bytes_of(tensor.select(2, 0)));
      file.tensor(its_name + ".1", {14, 14, 3, static_cast<uint64_t>(tensor.size(0))}, 0,
                  bytes_of(tensor.select(2, 1)));
      want[name] = tensor;
      continue;
    }
    const bool moves = !is_moe && (name.find(".q_proj.") != std::string::npos ||
                                   name.find(".k_proj.") != std::string::npos);
    const at::Tensor held =
        write(file, its_name, moves ? with_halves(tensor, config.text) : tensor);
    // Blocks lie along a row: what is moved is quantised to the same values.
    const bool moved_blocks = moves && quantise && held.dim() == 2 && held.size(1) % 32 == 0;
    want[name] = moved_blocks ? to_q8_0(tensor).second : moves ? tensor : held;
  }
  for (const auto& [name, parts] : experts) {
    std::vector<at::Tensor> stack;
    for (const auto& [number, tensor] : parts) stack.push_back(tensor);
    const at::Tensor held = write(text, name, at::stack(stack));
    std::string canonical = checkpoint::gguf_canonical_name(name, true);
    for (const auto& [number, tensor] : parts) {
      std::string one = canonical;
      want[one.replace(one.find('*'), 1, std::to_string(number))] = held[number];
    }
  }
  const TempFolder folder;
  folder.write("model.gguf", text.bytes());
  folder.write("mmproj.gguf", vision.bytes());
  folder.write("tokenizer.json", "{}");
  folder.write("config.json", read_json_file(golden_dir(model) + "/config.json")->dump());
  const auto loaded = load_model(folder.path().string(), {.dtype = "float32"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->warnings.empty()) << loaded->warnings.front();
  size_t compared = 0;
  for (const NamedParameter& parameter : loaded->model->parameters()) {
    ASSERT_TRUE(want.contains(parameter.name)) << parameter.name;
    const at::Tensor& expected = want.at(parameter.name);
    // Packed weights are shown in bf16.
    EXPECT_TRUE(parameter.tensor.to(at::kFloat)
                    .equal(expected.to(parameter.tensor.scalar_type()).to(at::kFloat)))
        << parameter.name;
    ++compared;
  }
  EXPECT_EQ(compared, want.size());
  if (!quantise) {
    EXPECT_EQ(max_abs(logits(folder.path(), model, {.dtype = "float32"}),
                      logits(golden_dir(model), model, {.dtype = "float32"})),
              0);
    return;
  }
  const at::Tensor exact = logits(golden_dir(model), model, {.dtype = "float32"});
  EXPECT_LT(relative_l2(logits(folder.path(), model, {.dtype = "float32"}), exact), 0.1);
}

INSTANTIATE_TEST_SUITE_P(All, GgufModels,
                         testing::Combine(testing::Values("glm4v", "glm4v_moe", "glm_ocr"),
                                          testing::Bool()));

}  // namespace
}  // namespace glmv::model
