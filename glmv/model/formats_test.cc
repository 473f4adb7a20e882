// Whole tiny models in other weight formats: FP8 against the dequantised weights.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "glmv/checkpoint/test_support.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/model/golden_for_test.h"
#include "glmv/model/vlm.h"

namespace glmv::model {
namespace {

using checkpoint::Activations;
using checkpoint::testing::TempFolder;
using testing::HasSubstr;

using Tensors = std::map<std::string, at::Tensor>;

Tensors golden_tensors(const std::string& model) {
  const Golden golden(model, "model");
  Tensors tensors;
  for (const std::string& name : golden.names()) tensors[name] = golden[name].cpu();
  return tensors;
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
    rows.push_back({name, tensor::from_scalar_type(t.scalar_type()), t.sizes().vec(),
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
  const at::Tensor hidden = loaded->model->forward_text(
      {.hidden_ND = loaded->model->embed(golden["input_ids"].cpu()),
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
    const Json weights = {{"num_bits", 8}, {"type", "float"},
                          {"block_structure", blocks ? Json{16, 8} : Json()}};
    const Json config = {{"quantization_config",
                          {{"quant_method", "compressed-tensors"}, {"format", "float-quantized"},
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
    const auto integers = load_model(quantised.path().string(), {.activations = Activations::kInt8});
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

}  // namespace
}  // namespace glmv::model
