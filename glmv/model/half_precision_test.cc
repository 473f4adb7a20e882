// A checkpoint with FP16 weights computes what the same numbers in FP32 do.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/checkpoint/writer.h"
#include "glmv/model/golden_for_test.h"
#include "glmv/model/vlm.h"

namespace glmv::model {
namespace {

namespace fs = std::filesystem;

class HalfPrecision : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / "glmv_half_precision";
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  // The golden checkpoint with every weight rounded to FP16 and stored as `stored`.
  std::string rounded_copy(const std::string& name, at::ScalarType stored,
                           checkpoint::DType dtype) {
    const fs::path folder = dir_ / name;
    fs::create_directories(folder);
    EXPECT_TRUE(checkpoint::copy_side_files(golden_dir("glm4v"), folder));
    const Golden weights("glm4v", "model");
    std::vector<at::Tensor> tensors;
    std::vector<checkpoint::TensorToWrite> rows;
    for (const std::string& key : weights.names()) {
      tensors.push_back(weights[key].to(at::kHalf).to(stored).contiguous());
      const at::Tensor& t = tensors.back();
      rows.push_back({key,
                      dtype,
                      t.sizes().vec(),
                      {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()}});
    }
    EXPECT_TRUE(checkpoint::write_weights(folder, rows));
    return folder;
  }

  static at::Tensor logits(const std::string& folder, const std::string& dtype) {
    const c10::InferenceMode no_grad;
    auto loaded = load_model(folder, {.dtype = dtype});
    EXPECT_TRUE(loaded) << loaded.error().message;
    const Vlm& model = *loaded->model;
    const Golden golden("glm4v", "2img");
    const at::Tensor rows = model.encode_images(golden["pixel_values"], golden.grids());
    const at::Tensor at_pictures = at::nonzero(golden["mm_token_type_ids"]).flatten();
    const at::Tensor hidden = model.embed(golden["input_ids"], rows, at_pictures);
    return model.logits(
        model.forward_text({hidden, golden["position_ids"], {{hidden.size(0), nullptr}}}));
  }

  fs::path dir_;
};

TEST_F(HalfPrecision, Fp16WeightsComputeAsTheirFp32Values) {
  const std::string half = rounded_copy("half", at::kHalf, checkpoint::DType::kF16);
  const std::string full = rounded_copy("full", at::kFloat, checkpoint::DType::kF32);
  EXPECT_TRUE(at::equal(logits(half, "float32"), logits(full, "float32")));
  EXPECT_TRUE(at::equal(logits(half, "bfloat16"), logits(full, "bfloat16")));
  // The rounding itself is visible: the test would see weights that were never read.
  EXPECT_FALSE(at::equal(logits(half, "float32"), logits(golden_dir("glm4v"), "float32")));
}

}  // namespace
}  // namespace glmv::model
