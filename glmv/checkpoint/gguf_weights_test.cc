// Folders of GGUF files: names, rows moved back, experts cut apart, and what is refused.

#include "glmv/checkpoint/gguf_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/checkpoint/gguf_for_test.h"
#include "glmv/checkpoint/gguf_names.h"
#include "glmv/checkpoint/test_support.h"

namespace glmv::checkpoint {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::GgufBytes;
using ::testing::HasSubstr;
using testing::TempFolder;

TEST(GgufNames, Cases) {
  for (const Json& item : testing::read_cases("gguf_names.jsonl")) {
    EXPECT_EQ(gguf_canonical_name(item["gguf"], item["moe"]), item["canonical"].get<std::string>());
  }
}

ModelConfig config_of(const std::string& name) {
  return read_model_config(testing::kTests / "golden/models" / name).value();
}

// n floats that count up from `first`.
std::string counting(int n, float first = 0) {
  std::string bytes;
  for (int i = 0; i < n; ++i) bytes += GgufBytes::number(first + static_cast<float>(i));
  return bytes;
}

std::vector<float> floats_of(const TensorView& view) {
  std::vector<float> values(view.data.size() / sizeof(float));
  std::memcpy(values.data(), view.data.data(), view.data.size());
  return values;
}

GgufBytes text_file(const std::string& architecture = "glm4") {
  GgufBytes file;
  file.pair("general.architecture", architecture);
  return file;
}

void write_vision(const TempFolder& folder, const std::string& name = "mmproj-F16.gguf",
                  float first = 0) {
  GgufBytes file;
  file.pair("general.architecture", "clip").pair("clip.projector_type", "glm4v");
  file.tensor("v.patch_embd.weight", {2, 2, 3, 4}, 0, counting(48, first));
  file.tensor("v.patch_embd.weight.1", {2, 2, 3, 4}, 0, counting(48, first + 100));
  folder.write(name, file.bytes());
}

std::string error_of(const TempFolder& folder, const std::string& model = "glm4v",
                     const std::string& chosen = "") {
  const auto weights = open_gguf_weights(folder.path(), chosen, config_of(model));
  return weights ? "no error" : weights.error().message;
}

TEST(GgufWeights, RowsAreMovedBack) {
  const ModelConfig config = config_of("glm4v");
  const int64_t head_dim = config.text.head_dim, rotary = config.text.rope.rotary_dim;
  ASSERT_LT(rotary, head_dim);
  const auto rows = static_cast<int>(2 * head_dim);
  for (const bool moved : {true, false}) {
    const TempFolder folder;
    GgufBytes file = text_file();
    if (moved) {
      file.pair("glm4.rope.dimension_sections", 9,
                GgufBytes::number<uint32_t>(5) + GgufBytes::number<uint64_t>(0));
    }
    file.tensor("blk.0.attn_k.bias", {static_cast<uint64_t>(rows)}, 0, counting(rows));
    file.tensor("blk.0.attn_v.bias", {static_cast<uint64_t>(rows)}, 0, counting(rows));
    folder.write("model.gguf", file.bytes());
    write_vision(folder);
    const auto weights = open_gguf_weights(folder.path(), "", config);
    ASSERT_TRUE(weights) << weights.error().message;
    EXPECT_TRUE(weights->is_gguf);
    const std::string layer = "model.language_model.layers.0.self_attn.";
    const std::vector<float> k = floats_of(weights->tensors.at(layer + "k_proj.bias"));
    const std::vector<float> v = floats_of(weights->tensors.at(layer + "v_proj.bias"));
    for (int row = 0; row < rows; ++row) {
      // What the converter does, forwards: even rows of the rotated part, odd rows, the rest.
      const auto in_head = static_cast<int>(row % head_dim);
      const auto half = static_cast<int>(rotary / 2);
      const int from = in_head < half     ? row - in_head + 2 * in_head
                       : in_head < rotary ? row - in_head + 2 * (in_head - half) + 1
                                          : row;
      EXPECT_EQ(k[moved ? from : row], static_cast<float>(row));
      EXPECT_EQ(v[row], static_cast<float>(row));
    }
  }
}

TEST(GgufWeights, FramesAreJoined) {
  const TempFolder folder;
  folder.write("model.gguf", text_file().bytes());
  write_vision(folder);
  const auto weights = open_gguf_weights(folder.path(), "", config_of("glm4v"));
  ASSERT_TRUE(weights) << weights.error().message;
  ASSERT_EQ(weights->tensors.size(), 1u);
  const TensorView& patch = weights->tensors.at("model.visual.patch_embed.proj.weight");
  EXPECT_THAT(patch.shape, ElementsAre(4, 3, 2, 2, 2));
  const std::vector<float> values = floats_of(patch);
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[4], 100);
  EXPECT_EQ(values[8], 4);
  EXPECT_EQ(values[95], 147);
}

TEST(GgufWeights, ExpertsAreCutAndBlocksKept) {
  const TempFolder folder;
  GgufBytes file = text_file("glm4moe");
  std::string blocks;
  for (int i = 0; i < 8 * 3 * 2; ++i) blocks += std::string(34, static_cast<char>(i));
  file.tensor("blk.1.ffn_gate_exps.weight", {64, 3, 8}, 8, blocks);
  file.tensor("blk.1.exp_probs_b.bias", {8}, 0, counting(8));
  file.tensor("blk.99.nextn.eh_proj.weight", {8}, 0, counting(8));
  folder.write("model.gguf", file.bytes());
  write_vision(folder);
  const auto weights = open_gguf_weights(folder.path(), "", config_of("glm4v_moe"));
  ASSERT_TRUE(weights) << weights.error().message;
  const std::string mlp = "model.language_model.layers.1.mlp.";
  EXPECT_TRUE(weights->tensors.contains(mlp + "gate.e_score_correction_bias"));
  const TensorView& last = weights->tensors.at(mlp + "experts.7.gate_proj.weight_q8_0");
  EXPECT_EQ(last.dtype, DType::kU8);
  EXPECT_THAT(last.shape, ElementsAre(3, 68));
  EXPECT_EQ(last.data[0], std::byte{42});
  EXPECT_FALSE(weights->tensors.contains(mlp + "experts.8.gate_proj.weight_q8_0"));
}

TEST(GgufWeights, Parts) {
  const TempFolder folder;
  const auto part = [&](int number, const std::string& tensor) {
    GgufBytes file;
    if (number == 1) file.pair("general.architecture", "glm4");
    file.pair("split.no", static_cast<uint32_t>(number - 1)).pair("split.count", 2u);
    file.tensor(tensor, {4}, 0, counting(4));
    folder.write(fmt::format("m-0000{}-of-00002.gguf", number), file.bytes());
  };
  part(1, "output_norm.weight");
  write_vision(folder);
  EXPECT_THAT(error_of(folder), HasSubstr("m-00002-of-00002.gguf"));
  part(2, "blk.0.attn_norm.weight");
  const auto weights = open_gguf_weights(folder.path(), "", config_of("glm4v"));
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->tensors.size(), 3u);
  EXPECT_EQ(weights->files.size(), 3u);
  part(2, "output_norm.weight");
  EXPECT_THAT(error_of(folder), HasSubstr("twice"));
}

TEST(GgufWeights, OneModelIsChosen) {
  const TempFolder folder;
  EXPECT_THAT(error_of(folder), HasSubstr("no GGUF file of a text model"));
  folder.write("a.gguf", text_file().bytes());
  EXPECT_THAT(error_of(folder), HasSubstr("mmproj"));
  write_vision(folder);
  EXPECT_EQ(error_of(folder), "no error");
  folder.write("b.gguf", text_file("glm4moe").bytes());
  EXPECT_THAT(error_of(folder), AllOf(HasSubstr("a.gguf, b.gguf"), HasSubstr("--model")));
  EXPECT_EQ(error_of(folder, "glm4v", "a.gguf"), "no error");
  EXPECT_THAT(error_of(folder, "glm4v", "b.gguf"),
              AllOf(HasSubstr("glm4moe"), HasSubstr("b.gguf")));
  EXPECT_THAT(error_of(folder, "glm4v", "c.gguf"), HasSubstr("c.gguf"));
  write_vision(folder, "mmproj-model-BF16.gguf", 7);
  const auto weights = open_gguf_weights(folder.path(), "a.gguf", config_of("glm4v"));
  ASSERT_TRUE(weights);
  EXPECT_EQ(floats_of(weights->tensors.at("model.visual.patch_embed.proj.weight"))[0], 7);
  GgufBytes other;
  other.pair("general.architecture", "clip").pair("clip.projector_type", "ldp");
  folder.write("mmproj-model-BF16.gguf", other.bytes());
  EXPECT_THAT(error_of(folder, "glm4v", "a.gguf"), HasSubstr("\"ldp\""));
}

TEST(GgufWeights, TensorsThatDoNotFitAreNamed) {
  const auto error = [](const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                        size_t num_bytes, const std::string& model = "glm4v") {
    const TempFolder folder;
    GgufBytes file = text_file(model == "glm4v" ? "glm4" : "glm4moe");
    file.pair("glm4.rope.dimension_sections", 1u);
    file.tensor(name, dims, type, std::string(num_bytes, '\1'));
    folder.write("model.gguf", file.bytes());
    write_vision(folder);
    return error_of(folder, model);
  };
  EXPECT_THAT(error("blk.0.attn_q.bias", {7}, 0, 28),
              AllOf(HasSubstr("attn_q.bias"), HasSubstr("head_dim")));
  EXPECT_THAT(error("blk.0.attn_v.bias", {32}, 8, 34), HasSubstr("attn_v.bias"));
  EXPECT_THAT(error("blk.0.ffn_down.weight", {32}, 8, 34), HasSubstr("ffn_down.weight"));
  EXPECT_THAT(error("blk.1.ffn_up_exps.weight", {32}, 8, 34, "glm4v_moe"),
              HasSubstr("ffn_up_exps.weight"));
}

TEST(GgufWeights, SideFilesAreAskedFor) {
  const TempFolder folder;
  folder.write("model.gguf", text_file().bytes());
  folder.write("config.json", "{}");
  const auto config = read_model_config(folder.path());
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::kNotFound);
  EXPECT_THAT(config.error().message,
              AllOf(HasSubstr("tokenizer.json"), HasSubstr("Hugging Face")));
}

TEST(GgufWeights, BitsInMemory) {
  const auto bits = [](const std::vector<std::pair<uint32_t, size_t>>& types) {
    const TempFolder folder;
    GgufBytes file = text_file();
    for (size_t i = 0; i < types.size(); ++i) {
      file.tensor(fmt::format("blk.{}.ffn_up.weight", i), {256, 1}, types[i].first,
                  std::string(types[i].second, '\1'));
    }
    folder.write("model.gguf", file.bytes());
    write_vision(folder);
    return gguf_linear_bits(folder.path(), "").value();
  };
  EXPECT_EQ(bits({{2, 8 * 18}}), 4);
  EXPECT_EQ(bits({{2, 8 * 18}, {8, 8 * 34}}), 8);
  EXPECT_EQ(bits({{2, 8 * 18}, {12, 144}}), 4);
  EXPECT_EQ(bits({{0, 1024}}), 0);
}

}  // namespace
}  // namespace glmv::checkpoint
