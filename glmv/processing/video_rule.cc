#include "glmv/processing/video_rule.h"

#include <cmath>

namespace glmv::processing {
namespace {

struct StyleRow {
  VideoStyle style;
  const char* name;
};
constexpr StyleRow kStyles[] = {{VideoStyle::kGlm4v, "Glm4vVideoProcessor"},
                                {VideoStyle::kGlm46v, "Glm46VVideoProcessor"}};

}  // namespace

ProcessorConfig usual_video_rule() {
  ProcessorConfig config;
  config.video.max_pixels = int64_t{28} * 28 * 2 * 30000;
  return config;
}

Json video_rule_json(const ProcessorConfig& config) {
  const MediaConfig& video = config.video;
  std::string name;
  for (const StyleRow& row : kStyles) {
    if (row.style == config.sampling) name = row.name;
  }
  return {{"video_processor_type", name},
          {"fps", config.sampling_fps},
          {"size", {{"shortest_edge", video.min_pixels}, {"longest_edge", video.max_pixels}}},
          {"patch_size", video.patch_size},
          {"temporal_patch_size", video.temporal_patch_size},
          {"merge_size", video.merge_size},
          {"do_resize", video.do_resize}};
}

Result<ProcessorConfig> read_video_rule(const Json& rule, const std::string& where) {
  if (!rule.is_object()) return invalid_argument("{}: expected an object", where);
  ProcessorConfig config = usual_video_rule();
  const Json name = rule.value("video_processor_type", Json());
  bool known = false;
  for (const StyleRow& row : kStyles) {
    if (name != row.name) continue;
    config.sampling = row.style;
    known = true;
  }
  if (!known) return unsupported("{}: video_processor_type {} is unknown", where, name.dump());
  GLMV_ASSIGN(config.video, parse_media_config(rule, config.video, where));
  const Json fps = rule.value("fps", Json(config.sampling_fps));
  if (!fps.is_number() || !(fps.get<double>() > 0) || !std::isfinite(fps.get<double>())) {
    return invalid_argument("{}: fps must be a number above 0, it is {}", where, fps.dump());
  }
  config.sampling_fps = fps.get<double>();
  return config;
}

}  // namespace glmv::processing
