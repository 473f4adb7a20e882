#include "glmv/checkpoint/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/checkpoint/test_support.h"

namespace glmv::checkpoint {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::file_of;
using ::testing::HasSubstr;
using testing::TempFolder;

constexpr const char* kIndex = "model.safetensors.index.json";

// A file of F32 tensors [1], one per name.
std::string file_with(const std::vector<std::string>& names) {
  std::string header = "{";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) header += ',';
    header += fmt::format(R"("{}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}})", names[i],
                          4 * i, 4 * i + 4);
  }
  return file_of(header + "}", 4 * names.size());
}

Result<Weights> open(const TempFolder& folder) {
  return open_weights(folder.path(), testing::config_of("glm_ocr"));
}

std::string error_of(const TempFolder& folder) {
  const auto weights = open(folder);
  return weights ? "no error" : weights.error().message;
}

TEST(Weights, OneFileWithMappedAndSkippedNames) {
  const TempFolder folder;
  folder.write("model.safetensors",
               file_with({"visual.merger.proj.weight", "model.norm.weight", "lm_head.weight",
                          "model.layers.16.enorm.weight", "model.rotary_emb.inv_freq"}));
  const auto weights = open(folder);
  ASSERT_TRUE(weights.has_value()) << weights.error().message;
  EXPECT_EQ(weights->tensors.size(), 3u);
  EXPECT_TRUE(weights->tensors.contains("model.visual.merger.proj.weight"));
  EXPECT_TRUE(weights->tensors.contains("model.language_model.norm.weight"));
  EXPECT_TRUE(weights->tensors.contains("lm_head.weight"));
  EXPECT_THAT(weights->ignored,
              ElementsAre("model.layers.16.enorm.weight", "model.rotary_emb.inv_freq"));
  EXPECT_EQ(weights->total_bytes, 12);
  EXPECT_THAT(weights->files, ElementsAre(folder.path() / "model.safetensors"));
}

TEST(Weights, ShardsAreJoined) {
  const TempFolder folder;
  folder.write("a.safetensors", file_with({"model.norm.weight"}));
  folder.write("b.safetensors", file_with({"lm_head.weight", "visual.post_layernorm.weight"}));
  folder.write(kIndex, R"({"metadata":{},"weight_map":{"model.norm.weight":"a.safetensors",
      "lm_head.weight":"b.safetensors","visual.post_layernorm.weight":"b.safetensors"}})");
  const auto weights = open(folder);
  ASSERT_TRUE(weights.has_value()) << weights.error().message;
  EXPECT_EQ(weights->tensors.size(), 3u);
  EXPECT_EQ(weights->files.size(), 2u);
}

TEST(Weights, ShardsThroughLinksAreFine) {  // the layout of a download cache
  const TempFolder folder;
  const TempFolder blobs;
  blobs.write("0123", file_with({"lm_head.weight"}));
  std::filesystem::create_symlink(blobs.path() / "0123", folder.path() / "a.safetensors");
  folder.write(kIndex, R"({"weight_map":{"lm_head.weight":"a.safetensors"}})");
  EXPECT_EQ(error_of(folder), "no error");
}

TEST(Weights, NoWeightsAtAll) {
  const TempFolder folder;
  const auto weights = open(folder);
  ASSERT_FALSE(weights.has_value());
  EXPECT_EQ(weights.error().code, Code::kNotFound);
  EXPECT_THAT(weights.error().message, HasSubstr("holds neither model.safetensors nor"));
}

TEST(Weights, MissingShard) {
  const TempFolder folder;
  folder.write(kIndex, R"({"weight_map":{"lm_head.weight":"gone.safetensors"}})");
  const auto weights = open(folder);
  ASSERT_FALSE(weights.has_value());
  EXPECT_EQ(weights.error().code, Code::kNotFound);
  EXPECT_THAT(weights.error().message, AllOf(HasSubstr("gone.safetensors"), HasSubstr("index")));
}

TEST(Weights, TensorNotWhereTheIndexSays) {
  const TempFolder folder;
  folder.write("a.safetensors", file_with({"model.norm.weight"}));
  folder.write(kIndex, R"({"weight_map":{"model.norm.weight":"a.safetensors",
                                         "lm_head.weight":"a.safetensors"}})");
  EXPECT_THAT(error_of(folder), HasSubstr("places tensor \"lm_head.weight\" in"));
}

TEST(Weights, ShardsOutsideTheFolderAreRefused) {
  const TempFolder outside;
  outside.write("x.safetensors", file_with({"lm_head.weight"}));
  const TempFolder folder;
  for (const char* name : {"../x.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ".", "",
                           "..\\\\x", "x\\u0000y"}) {
    folder.write(kIndex, fmt::format(R"({{"weight_map":{{"lm_head.weight":"{}"}}}})", name));
    EXPECT_THAT(error_of(folder), HasSubstr("is not a plain file name")) << name;
  }
}

TEST(Weights, MalformedIndex) {
  const TempFolder folder;
  for (const char* text : {"", "[]", "{", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})"}) {
    folder.write(kIndex, text);
    EXPECT_THAT(error_of(folder), HasSubstr("weight_map")) << text;
  }
  folder.write(kIndex, R"({"weight_map":{"lm_head.weight":3}})");
  EXPECT_THAT(error_of(folder), HasSubstr("weight_map[\"lm_head.weight\"] is not a file name"));
}

TEST(Weights, TwoTensorsWithOneCanonicalName) {
  const TempFolder folder;
  folder.write("model.safetensors",
               file_with({"model.norm.weight", "model.language_model.norm.weight"}));
  EXPECT_THAT(error_of(folder),
              AllOf(HasSubstr("\"model.language_model.norm.weight\" is there twice"),
                    HasSubstr("as \"model.norm.weight\" in")));
}

TEST(Weights, ATensorInTwoShards) {
  const TempFolder folder;
  folder.write("a.safetensors", file_with({"model.norm.weight", "lm_head.weight"}));
  folder.write("b.safetensors", file_with({"lm_head.weight"}));
  folder.write(kIndex, R"({"weight_map":{"model.norm.weight":"a.safetensors",
                                         "lm_head.weight":"b.safetensors"}})");
  EXPECT_THAT(error_of(folder), AllOf(HasSubstr("there twice"), HasSubstr("a.safetensors"),
                                      HasSubstr("b.safetensors")));
}

TEST(Weights, DamagedShardIsNamed) {
  const TempFolder folder;
  folder.write("model.safetensors", file_with({"lm_head.weight"}).substr(0, 60));
  EXPECT_THAT(error_of(folder), HasSubstr("model.safetensors: the header length"));
}

}  // namespace
}  // namespace glmv::checkpoint
