#include "glmv/processing/processor_config.h"

#include <cmath>
#include <optional>

namespace glmv::processing {
namespace {

constexpr int64_t kVideoMaxPixels = int64_t{28} * 28 * 2 * 30000;
constexpr int64_t kMaxSide = 4096;  // of a patch or merge window; keeps products small

// Reads typed keys of one object; absent and null keys leave the value as it is.
class Reader {
 public:
  Reader(const Json& json, const std::string& where) : json_(json), where_(where) {}

  Result<void> integer(const char* key, int64_t low, int64_t high, int64_t& value) const {
    const Json* found = find(key);
    if (!found) return {};
    if (!found->is_number_integer() || *found < low || *found > high) {
      return invalid_argument("{}: {} must be an integer from {} to {}, it is {}", where_, key, low,
                              high, found->dump());
    }
    value = found->get<int64_t>();
    return {};
  }

  Result<void> number(const char* key, double& value) const {
    const Json* found = find(key);
    if (!found) return {};
    if (!found->is_number() || !(found->get<double>() > 0) ||
        !std::isfinite(found->get<double>())) {
      return invalid_argument("{}: {} must be a number above 0, it is {}", where_, key,
                              found->dump());
    }
    value = found->get<double>();
    return {};
  }

  Result<void> boolean(const char* key, bool& value) const {
    const Json* found = find(key);
    if (!found) return {};
    if (!found->is_boolean()) {
      return invalid_argument("{}: {} must be true or false, it is {}", where_, key, found->dump());
    }
    value = found->get<bool>();
    return {};
  }

  // A number for all channels or a list of three.
  Result<void> channels(const char* key, bool positive, std::array<double, 3>& value) const {
    const Json* found = find(key);
    if (!found) return {};
    const bool list = found->is_array() && found->size() == 3;
    for (size_t c = 0; c < 3; ++c) {
      const Json* entry = list ? &(*found)[c] : found;
      const bool ok = entry->is_number() && std::isfinite(entry->get<double>()) &&
                      (!positive || entry->get<double>() > 0);
      if (!ok) {
        return invalid_argument("{}: {} must be three numbers{}, it is {}", where_, key,
                                positive ? " above 0" : "", found->dump());
      }
      value[c] = entry->get<double>();
    }
    return {};
  }

  const Json* find(const char* key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }

 private:
  const Json& json_;
  const std::string& where_;
};

// nullopt when the file does not exist.
Result<std::optional<Json>> read_optional(const std::filesystem::path& path) {
  Result<Json> json = read_json_file(path, size_t{16} << 20);
  if (!json && json.error().code == Code::kNotFound) return std::nullopt;
  if (!json) return std::unexpected(json.error());
  if (!json->is_object()) return invalid_argument("{}: expected an object", path.string());
  return std::move(*json);
}

struct Files {
  std::optional<Json> processor;
  std::optional<Json> image;
  std::optional<Json> video;
  std::optional<Json> model;
};

const Json* nested(const std::optional<Json>& file, const char* key) {
  if (!file) return nullptr;
  const auto it = file->find(key);
  return it != file->end() && it->is_object() ? &*it : nullptr;
}

std::optional<VideoStyle> style_of_class(const Json* json, const char* key) {
  if (!json) return std::nullopt;
  const auto it = json->find(key);
  if (it == json->end() || !it->is_string()) return std::nullopt;
  const auto& name = it->get_ref<const std::string&>();
  if (name.starts_with("Glm46V")) return VideoStyle::kGlm46v;
  if (name.starts_with("Glm4v")) return VideoStyle::kGlm4v;
  return std::nullopt;
}

VideoStyle style_of_model(const std::optional<Json>& config) {
  if (!config) return VideoStyle::kGlm4v;
  const auto it = config->find("model_type");
  if (it == config->end() || !it->is_string()) return VideoStyle::kGlm4v;
  const auto& type = it->get_ref<const std::string&>();
  return type == "glm_ocr" || type == "glm46v" ? VideoStyle::kGlm46v : VideoStyle::kGlm4v;
}

const Json* pointer(const std::optional<Json>& json) { return json ? &*json : nullptr; }

// The first class name found; `keys` in order of weight over all objects.
VideoStyle find_style(std::initializer_list<const char*> keys,
                      std::initializer_list<const Json*> objects, const Files& files) {
  for (const char* key : keys) {
    for (const Json* object : objects) {
      if (const auto style = style_of_class(object, key)) return *style;
    }
  }
  return style_of_model(files.model);
}

}  // namespace

Result<MediaConfig> parse_media_config(const Json& json, MediaConfig config,
                                       const std::string& where) {
  const Reader reader(json, where);
  constexpr int64_t kMaxArea = int64_t{1} << 40;
  if (const Json* size = reader.find("size")) {
    if (!size->is_object() || !size->contains("shortest_edge") || !size->contains("longest_edge")) {
      return invalid_argument("{}: size must have shortest_edge and longest_edge, it is {}", where,
                              size->dump());
    }
    const std::string size_where = where + " size";
    const Reader edges(*size, size_where);
    GLMV_RETURN_IF_ERROR(edges.integer("shortest_edge", 1, kMaxArea, config.min_pixels));
    GLMV_RETURN_IF_ERROR(edges.integer("longest_edge", 1, kMaxArea, config.max_pixels));
  }
  GLMV_RETURN_IF_ERROR(reader.integer("patch_size", 1, kMaxSide, config.patch_size));
  GLMV_RETURN_IF_ERROR(reader.integer("temporal_patch_size", 1, 64, config.temporal_patch_size));
  GLMV_RETURN_IF_ERROR(reader.integer("merge_size", 1, 64, config.merge_size));
  GLMV_RETURN_IF_ERROR(reader.boolean("do_resize", config.do_resize));
  GLMV_RETURN_IF_ERROR(reader.boolean("do_rescale", config.do_rescale));
  GLMV_RETURN_IF_ERROR(reader.boolean("do_normalize", config.do_normalize));
  GLMV_RETURN_IF_ERROR(reader.number("rescale_factor", config.rescale_factor));
  GLMV_RETURN_IF_ERROR(reader.channels("image_mean", false, config.mean));
  GLMV_RETURN_IF_ERROR(reader.channels("image_std", true, config.std));
  // 3 is bicubic; other filters exist in the reference but in no released checkpoint.
  int64_t resample = 3;
  GLMV_RETURN_IF_ERROR(reader.integer("resample", 0, 5, resample));
  if (resample != 3 && config.do_resize) {
    return unsupported("{}: resample {} is not bicubic (3)", where, resample);
  }
  return config;
}

Result<ProcessorConfig> read_processor_config(const std::filesystem::path& dir) {
  Files files;
  GLMV_ASSIGN(files.processor, read_optional(dir / "processor_config.json"));
  GLMV_ASSIGN(files.image, read_optional(dir / "preprocessor_config.json"));
  GLMV_ASSIGN(files.video, read_optional(dir / "video_preprocessor_config.json"));
  GLMV_ASSIGN(files.model, read_optional(dir / "config.json"));
  const Json* nested_image = nested(files.processor, "image_processor");
  const Json* nested_video = nested(files.processor, "video_processor");

  ProcessorConfig config;
  config.video.max_pixels = kVideoMaxPixels;
  config.image_origin = config.video_origin = "defaults";
  if (nested_image) {
    config.image_origin = "processor_config.json image_processor";
  } else if (files.image) {
    config.image_origin = "preprocessor_config.json";
  }
  if (const Json* json = nested_image ? nested_image : pointer(files.image)) {
    GLMV_ASSIGN(config.image, parse_media_config(*json, config.image, config.image_origin));
  }
  const Json* video = nested_video;
  if (video) {
    config.video_origin = "processor_config.json video_processor";
  } else if (files.video) {
    video = pointer(files.video);
    config.video_origin = "video_preprocessor_config.json";
  } else if (files.image) {
    video = pointer(files.image);
    config.video_origin = "preprocessor_config.json";
  }
  if (video) {
    GLMV_ASSIGN(config.video, parse_media_config(*video, config.video, config.video_origin));
    GLMV_RETURN_IF_ERROR(Reader(*video, config.video_origin).number("fps", config.sampling_fps));
  }
  if (config.video.patch_dim() != config.image.patch_dim() ||
      config.video.merge_size != config.image.merge_size) {
    return invalid_argument(
        "{}: pictures and videos must have the same patch and merge sizes (rows of {} and {})",
        dir.string(), config.image.patch_dim(), config.video.patch_dim());
  }
  const auto objects = {pointer(files.processor), nested_image, nested_video, pointer(files.image),
                        pointer(files.video)};
  config.timestamps = find_style(
      {"processor_class", "image_processor_type", "video_processor_type"}, objects, files);
  config.sampling = find_style({"video_processor_type", "processor_class", "image_processor_type"},
                               objects, files);
  return config;
}

}  // namespace glmv::processing
