#include "glmv/checkpoint/hf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/checkpoint/test_support.h"

namespace glmv::checkpoint {
namespace {

using testing::config_json;
using testing::config_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(HfConfig, ReadsGlm41v) {
  const ModelConfig config = config_of("glm4_1v");
  EXPECT_EQ(config.family, Family::kGlm4v);
  EXPECT_EQ(config.model_type, "glm4v");
  EXPECT_EQ(config.architecture, "Glm4vForConditionalGeneration");
  EXPECT_EQ(config.dtype, "bfloat16");
  const TextConfig& text = config.text;
  EXPECT_EQ(text.vocab_size, 151552);
  EXPECT_EQ(text.hidden_size, 4096);
  EXPECT_EQ(text.intermediate_size, 13696);
  EXPECT_EQ(text.num_hidden_layers, 40);
  EXPECT_EQ(text.num_attention_heads, 32);
  EXPECT_EQ(text.num_key_value_heads, 2);
  EXPECT_EQ(text.head_dim, 128);
  EXPECT_EQ(text.max_position_embeddings, 65536);
  EXPECT_EQ(text.rms_norm_eps, 1e-5);
  EXPECT_TRUE(text.attention_bias);
  EXPECT_TRUE(text.sandwich_norms);
  EXPECT_FALSE(text.tie_word_embeddings);
  EXPECT_FALSE(text.moe.has_value());
  EXPECT_EQ(text.rope.theta, 10000.0);
  EXPECT_EQ(text.rope.partial_rotary_factor, 0.5);
  EXPECT_EQ(text.rope.rotary_dim, 64);
  EXPECT_TRUE(text.rope.interleaved);
  EXPECT_THAT(text.rope.mrope_section, ElementsAre(8, 12, 12));
  const VisionConfig& vision = config.vision;
  EXPECT_EQ(vision.depth, 24);
  EXPECT_EQ(vision.hidden_size, 1536);
  EXPECT_EQ(vision.num_heads, 12);
  EXPECT_EQ(vision.head_dim, 128);
  EXPECT_EQ(vision.out_hidden_size, 4096);
  EXPECT_EQ(vision.block_intermediate_size, 4096);
  EXPECT_EQ(vision.merger_intermediate_size, 13696);
  EXPECT_EQ(vision.patch_dim(), 1176);
  EXPECT_FALSE(vision.attention_bias);
  EXPECT_FALSE(vision.qk_norm);
  EXPECT_TRUE(vision.absolute_position);
  EXPECT_EQ(config.image_start_token_id, 151339);
  EXPECT_EQ(config.image_end_token_id, 151340);
  EXPECT_EQ(config.video_start_token_id, 151341);
  EXPECT_EQ(config.video_end_token_id, 151342);
  EXPECT_EQ(config.image_token_id, 151343);
  EXPECT_EQ(config.video_token_id, 151344);
  EXPECT_EQ(config.pad_token_id, 151329);
  EXPECT_THAT(config.eos_token_ids, ElementsAre(151329, 151336, 151338, 151348));
  EXPECT_TRUE(config.quantization.is_null());
  EXPECT_EQ(config.raw, config_json("glm4_1v"));
}

// What the layouts can differ in, as one text.
std::string summary(const ModelConfig& config) {
  const auto& [theta, factor, sections, rotary_dim, interleaved] = config.text.rope;
  return fmt::format(
      "{} {} {} {} {} {} {} {} {} {} | {} {} [{}] {} {} | {} {} {} {} {} {} | {} {} {} [{}] {}",
      config.text.vocab_size, config.text.hidden_size, config.text.intermediate_size,
      config.text.num_hidden_layers, config.text.num_attention_heads,
      config.text.num_key_value_heads, config.text.head_dim, config.text.max_position_embeddings,
      config.text.attention_bias, config.text.tie_word_embeddings, theta, factor,
      fmt::join(sections, " "), rotary_dim, interleaved, config.vision.depth,
      config.vision.hidden_size, config.vision.in_channels, config.vision.out_hidden_size,
      config.vision.block_intermediate_size, config.vision.merger_intermediate_size,
      config.image_token_id, config.video_token_id, config.pad_token_id,
      fmt::join(config.eos_token_ids, " "), config.dtype);
}

TEST(HfConfig, EarlyAndFlatLayoutsAreTheSameModel) {
  const std::string expected = summary(config_of("glm4_1v"));
  EXPECT_EQ(summary(config_of("glm4_1v_early")), expected);
  EXPECT_EQ(summary(config_of("glm4_1v_flat")), expected);
}

TEST(HfConfig, ReadsGlm46vFlashAndItsWrapperAlias) {
  const ModelConfig flash = config_of("glm4_6v_flash");
  EXPECT_EQ(flash.family, Family::kGlm4v);
  EXPECT_EQ(flash.text.rope.theta, 500000.0);
  EXPECT_EQ(flash.text.max_position_embeddings, 131072);
  EXPECT_EQ(flash.image_token_id, 151363);
  EXPECT_THAT(flash.eos_token_ids, ElementsAre(151329, 151336, 151338));
  EXPECT_EQ(flash.dtype, "bfloat16");

  const ModelConfig wrapper = config_of("glm46v_wrapper");
  EXPECT_EQ(wrapper.family, Family::kGlm4v);
  EXPECT_EQ(wrapper.model_type, "glm46v");
  EXPECT_EQ(summary(wrapper), summary(flash));
}

TEST(HfConfig, ReadsMoeModels) {
  const ModelConfig v45 = config_of("glm4_5v");
  EXPECT_EQ(v45.family, Family::kGlm4vMoe);
  EXPECT_EQ(v45.text.head_dim, 128);
  EXPECT_EQ(v45.text.num_attention_heads * v45.text.head_dim, 12288);
  EXPECT_EQ(v45.text.rope.theta, 10000.0);
  EXPECT_FALSE(v45.text.rope.interleaved);
  EXPECT_FALSE(v45.text.sandwich_norms);
  EXPECT_TRUE(v45.text.attention_bias);
  ASSERT_TRUE(v45.text.moe.has_value());
  const MoeConfig& moe = *v45.text.moe;
  EXPECT_EQ(moe.num_experts, 128);
  EXPECT_EQ(moe.num_shared_experts, 1);
  EXPECT_EQ(moe.num_experts_per_tok, 8);
  EXPECT_EQ(moe.moe_intermediate_size, 1408);
  EXPECT_EQ(moe.first_k_dense_replace, 1);
  EXPECT_EQ(moe.n_group, 1);
  EXPECT_EQ(moe.topk_group, 1);
  EXPECT_TRUE(moe.norm_topk_prob);
  EXPECT_EQ(moe.routed_scaling_factor, 1.0);
  EXPECT_EQ(v45.vision.block_intermediate_size, 4096);
  EXPECT_EQ(v45.vision.merger_intermediate_size, 10944);

  const ModelConfig v46 = config_of("glm4_6v");
  EXPECT_EQ(v46.text.rope.theta, 500000.0);
  EXPECT_EQ(v46.text.max_position_embeddings, 131072);
}

TEST(HfConfig, ReadsGlmOcr) {
  const ModelConfig config = config_of("glm_ocr");
  EXPECT_EQ(config.family, Family::kGlmOcr);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_EQ(config.text.rope.rotary_dim, 128);
  EXPECT_THAT(config.text.rope.mrope_section, ElementsAre(16, 24, 24));
  EXPECT_TRUE(config.text.rope.interleaved);
  EXPECT_FALSE(config.text.attention_bias);
  EXPECT_EQ(config.text.num_nextn_predict_layers, 1);
  EXPECT_EQ(config.vision.head_dim, 64);
  EXPECT_EQ(config.vision.block_intermediate_size, 4096);   // intermediate_size
  EXPECT_EQ(config.vision.merger_intermediate_size, 4608);  // out_hidden_size * in_channels
  EXPECT_TRUE(config.vision.attention_bias);
  EXPECT_TRUE(config.vision.qk_norm);
  EXPECT_FALSE(config.vision.absolute_position);
  EXPECT_EQ(config.pad_token_id, 59246);
  EXPECT_THAT(config.eos_token_ids, ElementsAre(59246, 59253));
}

TEST(HfConfig, EosIsTheUnionOfBothLevels) {
  Json json = config_json("glm4_1v");
  json["eos_token_id"] = Json::array({151330, 151336});
  EXPECT_THAT(parse_model_config(json)->eos_token_ids,
              ElementsAre(151330, 151336, 151329, 151338, 151348));
  json["eos_token_id"] = 7;
  EXPECT_THAT(parse_model_config(json)->eos_token_ids,
              ElementsAre(7, 151329, 151336, 151338, 151348));
}

TEST(HfConfig, ErrorsNameTheKeyAndBothValues) {
  const auto cases = testing::read_cases("config_errors.jsonl");
  ASSERT_GE(cases.size(), 40u);
  for (const Json& item : cases) {
    SCOPED_TRACE(item["name"].get<std::string>());
    Json json = config_json(item["base"]);
    json.merge_patch(item["patch"]);
    const auto config = parse_model_config(json);
    ASSERT_FALSE(config.has_value());
    EXPECT_EQ(code_name(config.error().code), item["code"].get<std::string>());
    EXPECT_THAT(config.error().message, HasSubstr(item["error"].get<std::string>()));
  }
}

TEST(HfConfig, FileErrorsNameTheFile) {
  const testing::TempFolder folder;
  EXPECT_EQ(read_model_config(folder.path()).error().code, Code::kNotFound);
  folder.write("config.json", "{\"model_type\": \"llava\"}");
  EXPECT_THAT(read_model_config(folder.path()).error().message,
              ::testing::AllOf(HasSubstr("config.json"), HasSubstr("\"llava\"")));
  folder.write("config.json", "[]");
  EXPECT_THAT(read_model_config(folder.path()).error().message, HasSubstr("not a JSON object"));
  folder.write("config.json", "{");
  EXPECT_THAT(read_model_config(folder.path()).error().message, HasSubstr("not valid JSON"));
}

TEST(HfConfig, KeepsTheQuantizationConfig) {
  Json json = config_json("glm4_1v");
  json["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4}};
  const auto config = parse_model_config(json);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->quantization, json["quantization_config"]);
}

}  // namespace
}  // namespace glmv::checkpoint
