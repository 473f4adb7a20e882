#include "apps/glmv/tiny_config.h"

#include <algorithm>

namespace glmv::app {
namespace {

Json rope(double theta, double partial, std::vector<int> sections) {
  return {{"rope_type", "default"},
          {"rope_theta", theta},
          {"partial_rotary_factor", partial},
          {"mrope_section", sections}};
}

Json base_text(int64_t vocab_size) {
  return {{"vocab_size", vocab_size},
          {"hidden_size", 128},
          {"intermediate_size", 160},
          {"num_hidden_layers", 3},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"max_position_embeddings", 2048},
          {"rms_norm_eps", 1e-5},
          {"hidden_act", "silu"},
          {"attention_bias", true},
          {"rope_parameters", rope(10000.0, 0.5, {2, 3, 3})}};
}

Json base_vision() {
  return {{"depth", 2},
          {"hidden_size", 64},
          {"num_heads", 2},
          {"out_hidden_size", 128},
          {"intermediate_size", 96},
          {"image_size", 84},
          {"patch_size", 14},
          {"spatial_merge_size", 2},
          {"temporal_patch_size", 2},
          {"in_channels", 3},
          {"rms_norm_eps", 1e-5},
          {"hidden_act", "silu"},
          {"attention_bias", false}};
}

// With the released base of 10000 the width axis, which has the lowest frequencies, would turn by
// less than a hundredth of a radian over the six columns of a picture of this size: the decoder
// could not tell them apart.
constexpr double kNanoRopeTheta = 4.0;

void make_nano(Json& text, Json& vision) {
  text.update({{"hidden_size", 256},
               {"intermediate_size", 512},
               {"num_hidden_layers", 4},
               {"head_dim", 64},
               {"rope_parameters", rope(kNanoRopeTheta, 0.5, {4, 6, 6})}});
  vision.update({{"depth", 6},
                 {"hidden_size", 192},
                 {"num_heads", 4},
                 {"out_hidden_size", 256},
                 {"intermediate_size", 704},
                 {"image_size", 112}});
}

// The shapes of GLM-4.1V-9B, for measurements where values do not matter.
void make_9b(Json& text, Json& vision) {
  text.update({{"vocab_size", 151552},
               {"hidden_size", 4096},
               {"intermediate_size", 13696},
               {"num_hidden_layers", 40},
               {"num_attention_heads", 32},
               {"num_key_value_heads", 2},
               {"max_position_embeddings", 65536},
               {"rope_parameters", rope(10000.0, 0.5, {8, 12, 12})}});
  vision.update({{"depth", 24},
                 {"hidden_size", 1536},
                 {"num_heads", 12},
                 {"out_hidden_size", 4096},
                 {"intermediate_size", 13696},
                 {"image_size", 336}});
}

struct PresetRow {
  const char* preset;
  void (*adapt)(Json& text, Json& vision);  // null: as the family's row says
};

constexpr PresetRow kPresets[] = {{"tiny", nullptr}, {"nano", make_nano}, {"9b", make_9b}};

struct FamilyRow {
  const char* family;
  const char* architecture;
  const char* text_type;
  const char* vision_type;
  const char* processor;
  void (*adapt)(Json& text, Json& vision);
};

void adapt_glm4v(Json&, Json&) {}

void adapt_glm46v(Json& text, Json&) { text["rope_parameters"]["rope_theta"] = 500000.0; }

void adapt_moe(Json& text, Json& vision) {
  text.update({{"hidden_size", 64},
               {"head_dim", 32},
               {"moe_intermediate_size", 48},
               {"n_routed_experts", 8},
               {"n_shared_experts", 1},
               {"num_experts_per_tok", 3},
               {"first_k_dense_replace", 1},
               {"n_group", 1},
               {"topk_group", 1},
               {"norm_topk_prob", true},
               {"routed_scaling_factor", 1.0}});
  vision.update({{"out_hidden_size", 64}, {"intermediate_size", 80}});
}

void adapt_ocr(Json& text, Json& vision) {
  text.update({{"hidden_size", 48},
               {"head_dim", 32},
               {"intermediate_size", 112},
               {"attention_bias", false},
               {"rope_parameters", rope(10000.0, 1.0, {4, 6, 6})}});
  vision.update({{"out_hidden_size", 48}, {"intermediate_size", 80}, {"attention_bias", true}});
}

constexpr FamilyRow kFamilies[] = {
    {"glm4v", "Glm4vForConditionalGeneration", "glm4v_text", "glm4v_vision", "Glm4v", adapt_glm4v},
    {"glm46v", "Glm46VForConditionalGeneration", "glm4v_text", "glm4v_vision", "Glm46V",
     adapt_glm46v},
    {"glm4v_moe", "Glm4vMoeForConditionalGeneration", "glm4v_moe_text", "glm4v_moe_vision", "Glm4v",
     adapt_moe},
    {"glm_ocr", "GlmOcrForConditionalGeneration", "glm_ocr_text", "glm_ocr_vision", "Glm46V",
     adapt_ocr},
};

Result<const FamilyRow*> find_family(const std::string& name) {
  std::string known;
  for (const FamilyRow& row : kFamilies) {
    if (name == row.family) return &row;
    known += known.empty() ? row.family : std::string(", ") + row.family;
  }
  return invalid_argument("unknown family \"{}\"; known: {}", name, known);
}

std::vector<int32_t> ids_of(const text::Tokenizer& tokenizer,
                            std::initializer_list<const char*> names) {
  std::vector<int32_t> ids;
  for (const char* name : names) {
    if (const auto id = tokenizer.token_id(name)) ids.push_back(*id);
  }
  return ids;
}

std::vector<int32_t> eos_ids(const text::Tokenizer& tokenizer) {
  return ids_of(tokenizer, {"<|endoftext|>", "<|user|>", "<|observation|>", "</answer>"});
}

}  // namespace

Result<Json> small_config(const std::string& family, const std::string& preset, int64_t num_layers,
                          const text::Tokenizer& tokenizer) {
  GLMV_ASSIGN(const FamilyRow* row, find_family(family));
  const auto* shape = std::ranges::find_if(
      kPresets, [&](const PresetRow& known) { return preset == known.preset; });
  if (shape == std::end(kPresets)) {
    return invalid_argument("unknown preset \"{}\"; known: tiny, nano, 9b", preset);
  }
  if (shape->adapt != nullptr && family != "glm4v") {
    return invalid_argument("preset {} is of family glm4v", preset);
  }
  // A multiple of 64 rows keeps the head's GEMM aligned.
  Json text = base_text((tokenizer.vocab_size() + 63) / 64 * 64);
  Json vision = base_vision();
  row->adapt(text, vision);
  if (shape->adapt != nullptr) shape->adapt(text, vision);
  if (num_layers > 0) text["num_hidden_layers"] = num_layers;
  text["model_type"] = row->text_type;
  vision["model_type"] = row->vision_type;
  const std::vector<int32_t> eos = eos_ids(tokenizer);
  text["eos_token_id"] = eos;
  text["pad_token_id"] = eos.empty() ? 0 : eos.front();
  Json config = {{"architectures", {row->architecture}}, {"model_type", family}};
  struct IdRow {
    const char* key;
    const char* token;
  };
  for (const IdRow& id : {IdRow{"image_token_id", "<|image|>"},
                          {"video_token_id", "<|video|>"},
                          {"image_start_token_id", "<|begin_of_image|>"},
                          {"image_end_token_id", "<|end_of_image|>"},
                          {"video_start_token_id", "<|begin_of_video|>"},
                          {"video_end_token_id", "<|end_of_video|>"}}) {
    const auto value = tokenizer.token_id(id.token);
    if (!value) return invalid_argument("the tokenizer has no token {}", id.token);
    config[id.key] = *value;
  }
  config["tie_word_embeddings"] = false;
  config["text_config"] = std::move(text);
  config["vision_config"] = std::move(vision);
  return config;
}

Json small_generation_config(const text::Tokenizer& tokenizer) {
  const std::vector<int32_t> eos = eos_ids(tokenizer);
  return {{"do_sample", false}, {"eos_token_id", eos}, {"pad_token_id", eos.empty() ? 0 : eos[0]}};
}

Json small_processor_config(const std::string& family, const std::string& preset, bool video) {
  std::string stem = "Glm4v";
  for (const FamilyRow& row : kFamilies) {
    if (family == row.family) stem = row.processor;
  }
  // Nano is trained on pictures of about 112 x 112: larger ones are scaled down to its world.
  const int64_t longest = preset == "nano" ? 2 * 168 * 168 : 9633792;
  Json config = {{"do_rescale", true},
                 {"do_normalize", true},
                 {"do_resize", true},
                 {"size", {{"shortest_edge", 12544}, {"longest_edge", longest}}},
                 {"patch_size", 14},
                 {"temporal_patch_size", 2},
                 {"merge_size", 2},
                 {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
                 {"image_std", {0.26862954, 0.26130258, 0.27577711}},
                 {"processor_class", stem + "Processor"}};
  config[video ? "video_processor_type" : "image_processor_type"] =
      stem + (video ? "VideoProcessor" : "ImageProcessor");
  return config;
}

}  // namespace glmv::app
