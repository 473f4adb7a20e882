// config.json, memory and pictures; weights and text are in their own files.

#include "apps/glmv/inspect_report.h"

#include "apps/glmv/command.h"
#include "glmv/checkpoint/quant_config.h"
#include "glmv/processing/grid.h"
#include "glmv/processing/processor_config.h"

namespace glmv::app {
namespace {

using checkpoint::ModelConfig;

struct ArchitectureRow {
  std::string_view model_type;
  std::string_view architecture;
};
constexpr ArchitectureRow kArchitectures[] = {
    {"glm4v", "Glm4vForConditionalGeneration"},
    {"glm46v", "Glm46VForConditionalGeneration"},
    {"glm4v_moe", "Glm4vMoeForConditionalGeneration"},
    {"glm_ocr", "GlmOcrForConditionalGeneration"},
};

// Names as written, from a config that may be broken otherwise.
struct Names {
  std::string model_type;
  std::string architecture;
  bool names_code = false;
};

Names read_names(const std::filesystem::path& dir) {
  Names names;
  const Result<Json> json = read_json_file(dir / "config.json", size_t{4} << 20);
  if (!json || !json->is_object()) return names;
  if (const auto it = json->find("model_type"); it != json->end() && it->is_string()) {
    names.model_type = it->get<std::string>();
  }
  if (const auto it = json->find("architectures");
      it != json->end() && it->is_array() && !it->empty() && it->front().is_string()) {
    names.architecture = it->front().get<std::string>();
  }
  names.names_code = json->contains("auto_map");
  return names;
}

void check_architecture(const Names& names, InspectReport& report) {
  if (names.names_code) {
    report.warning("config.json: auto_map names code of the checkpoint; none of it is run");
  }
  for (const ArchitectureRow& row : kArchitectures) {
    if (row.model_type != names.model_type || names.architecture.empty() ||
        row.architecture == names.architecture) {
      continue;
    }
    report.warning(
        fmt::format("config.json: architectures names {}, but model_type {} is {}; "
                    "model_type decides",
                    names.architecture, names.model_type, row.architecture));
  }
}

void describe_shape(const ModelConfig& config, InspectReport& report) {
  const checkpoint::TextConfig& text = config.text;
  const checkpoint::VisionConfig& vision = config.vision;
  report.data["context_tokens"] = text.max_position_embeddings;
  Json& shape = report.data["text"] = {{"layers", text.num_hidden_layers},
                                       {"hidden_size", text.hidden_size},
                                       {"attention_heads", text.num_attention_heads},
                                       {"kv_heads", text.num_key_value_heads},
                                       {"head_dim", text.head_dim},
                                       {"vocab_size", text.vocab_size},
                                       {"tied_embeddings", text.tie_word_embeddings}};
  std::string line = fmt::format(
      "{} layers of {}, {} heads ({} for keys and values), {} token rows", text.num_hidden_layers,
      text.hidden_size, text.num_attention_heads, text.num_key_value_heads, text.vocab_size);
  if (text.tie_word_embeddings) line += ", head tied to the embeddings";
  if (text.moe) {
    shape["experts"] = text.moe->num_experts;
    shape["experts_per_token"] = text.moe->num_experts_per_tok;
    line += fmt::format(", {} experts, {} per token", text.moe->num_experts,
                        text.moe->num_experts_per_tok);
  }
  report.row("decoder", std::move(line));
  report.data["vision"] = {{"layers", vision.depth},
                           {"hidden_size", vision.hidden_size},
                           {"attention_heads", vision.num_heads},
                           {"patch_size", vision.patch_size},
                           {"temporal_patch_size", vision.temporal_patch_size},
                           {"spatial_merge_size", vision.spatial_merge_size}};
  report.row("vision tower", fmt::format("{} layers of {}, {} heads", vision.depth,
                                         vision.hidden_size, vision.num_heads));
  report.row("context", fmt::format("{} tokens", text.max_position_embeddings));
  report.data["quantization"] = config.quantization;
  if (!config.quantization.is_null()) {
    report.row("quantisation", config.quantization.dump());
    if (const auto supported = checkpoint::parse_quant_config(config.quantization); !supported) {
      report.error(supported.error().message);
    }
  }
}

void check_processor(const processing::MediaConfig& image, const checkpoint::VisionConfig& vision,
                     const std::string& origin, InspectReport& report) {
  const std::tuple<const char*, int64_t, const char*, int64_t> pairs[] = {
      {"patch_size", image.patch_size, "patch_size", vision.patch_size},
      {"temporal_patch_size", image.temporal_patch_size, "temporal_patch_size",
       vision.temporal_patch_size},
      {"merge_size", image.merge_size, "spatial_merge_size", vision.spatial_merge_size}};
  for (const auto& [key, value, config_key, wanted] : pairs) {
    if (value == wanted) continue;
    report.error(fmt::format("{}: {} is {}, but config.json's vision_config.{} is {}", origin, key,
                             value, config_key, wanted));
  }
}

void describe_pictures(const processing::MediaConfig& image, Json& json, InspectReport& report) {
  struct Picture {
    const char* name;
    int64_t width;
    int64_t height;
  };
  json["pictures"] = Json::array();
  for (const Picture& picture : {Picture{"640x480", 640, 480}, Picture{"1920x1080", 1920, 1080},
                                 Picture{"A4 at 200 dpi", 1654, 2339}}) {
    const auto size = processing::smart_resize(image.temporal_patch_size, picture.height,
                                               picture.width, image.limits());
    if (!size) {
      report.error(fmt::format("a picture of {}: {}", picture.name, size.error().message));
      continue;
    }
    const int64_t patches = size->height / image.patch_size * (size->width / image.patch_size);
    const int64_t tokens = patches / (image.merge_size * image.merge_size);
    json["pictures"].push_back({{"name", picture.name},
                                {"width", picture.width},
                                {"height", picture.height},
                                {"resized_width", size->width},
                                {"resized_height", size->height},
                                {"patches", patches},
                                {"tokens", tokens}});
    report.row("", fmt::format("{}: {} tokens (resized to {}x{}, {} patches)", picture.name, tokens,
                               size->width, size->height, patches));
  }
}

void inspect_processor(const std::filesystem::path& dir, const std::optional<ModelConfig>& config,
                       InspectReport& report) {
  const auto processor = report.keep(processing::read_processor_config(dir));
  if (!processor) return;
  const processing::MediaConfig& image = processor->image;
  if (processor->image_origin == "defaults") {
    report.warning(
        "preprocessor_config.json is missing; the reference's defaults are used for "
        "pictures");
  }
  if (processor->video_origin == "defaults") {
    report.warning(
        "video_preprocessor_config.json is missing; the reference's defaults are used "
        "for videos");
  } else if (processor->video_origin == "preprocessor_config.json") {
    report.warning(
        "video_preprocessor_config.json is missing; preprocessor_config.json is used, "
        "with the limits of pictures");
  }
  // Limits are areas times frames, and a picture counts as one temporal patch of frames.
  const int64_t frames = image.temporal_patch_size;
  const bool seconds = processor->timestamps == processing::VideoStyle::kGlm46v;
  Json json = {{"image_origin", processor->image_origin},
               {"video_origin", processor->video_origin},
               {"patch_size", image.patch_size},
               {"temporal_patch_size", image.temporal_patch_size},
               {"merge_size", image.merge_size},
               {"min_pixels", image.min_pixels},
               {"max_pixels", image.max_pixels},
               {"video_min_pixels", processor->video.min_pixels},
               {"video_max_pixels", processor->video.max_pixels},
               {"video_timestamps", seconds ? "3.0 seconds" : "3"}};
  report.row("pictures", fmt::format("patches of {}, merged {}x{}; {} to {} pixels each (from {})",
                                     image.patch_size, image.merge_size, image.merge_size,
                                     image.min_pixels / frames, image.max_pixels / frames,
                                     processor->image_origin));
  describe_pictures(image, json, report);
  report.row("videos", fmt::format("{} to {} pixels, all frames together (from {})",
                                   processor->video.min_pixels, processor->video.max_pixels,
                                   processor->video_origin));
  report.data["processor"] = std::move(json);
  if (config) check_processor(image, config->vision, processor->image_origin, report);
}

}  // namespace

InspectReport inspect_checkpoint(const std::filesystem::path& dir) {
  InspectReport report;
  report.data["dir"] = dir.string();
  const Names names = read_names(dir);
  const std::optional<ModelConfig> config = report.keep(checkpoint::read_model_config(dir));
  report.data["model_type"] = names.model_type;
  report.data["architecture"] = names.architecture;
  report.data["family"] = config ? Json(checkpoint::family_name(config->family)) : Json();
  std::string model = names.model_type.empty() ? "unknown" : names.model_type;
  if (!names.architecture.empty()) model += fmt::format(" ({})", names.architecture);
  if (config) {
    model += fmt::format(", family {}", checkpoint::family_name(config->family));
    if (!config->dtype.empty()) model += ", " + config->dtype;
    report.data["config_dtype"] = config->dtype;
  }
  report.row("model", std::move(model));
  check_architecture(names, report);
  if (config) describe_shape(*config, report);
  inspect_weights(dir, config, report);
  inspect_processor(dir, config, report);
  inspect_text(dir, config, names.model_type, report);
  report.data["problems"] = Json::array();
  for (const InspectReport::Problem& problem : report.problems) {
    report.data["problems"].push_back(
        {{"level", problem.fatal ? "error" : "warning"}, {"text", problem.text}});
  }
  return report;
}

}  // namespace glmv::app
