#pragma once
// preprocessor_config.json, video_preprocessor_config.json and processor_config.json.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "glmv/base/json.h"
#include "glmv/base/result.h"
#include "glmv/processing/grid.h"

namespace glmv::processing {

// One media processor; defaults are those of transformers' classes.
struct MediaConfig {
  int64_t min_pixels = 112 * 112;                 // size.shortest_edge, an area times frames
  int64_t max_pixels = int64_t{28} * 28 * 15000;  // size.longest_edge
  int64_t patch_size = 14;
  int64_t temporal_patch_size = 2;
  int64_t merge_size = 2;
  bool do_resize = true;
  bool do_rescale = true;
  bool do_normalize = true;
  double rescale_factor = 1.0 / 255.0;
  std::array<double, 3> mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std = {0.26862954, 0.26130258, 0.27577711};

  int64_t patch_dim() const { return 3 * temporal_patch_size * patch_size * patch_size; }
  ResizeLimits limits() const {
    return {min_pixels, max_pixels, patch_size * merge_size, temporal_patch_size};
  }
};

// How the time of a frame is written behind it, and how frames are sampled.
enum class VideoStyle {
  kGlm4v,   // 4.1V, 4.5V: "3"
  kGlm46v,  // 4.6V, 4.6V-Flash, OCR: "3.0 seconds"
};

struct ProcessorConfig {
  MediaConfig image;
  MediaConfig video;
  VideoStyle timestamps = VideoStyle::kGlm4v;  // by the processor class
  VideoStyle sampling = VideoStyle::kGlm4v;    // by the video processor class
  double sampling_fps = 2.0;                   // of kGlm4v sampling
  std::string image_origin;                    // file the values come from, or "defaults"
  std::string video_origin;
};

// Lookup per kind as in transformers 5.23: processor_config.json's nested entry, then the kind's
// own file, for videos then preprocessor_config.json, then the class defaults. The style comes from
// class names in these files, else from model_type of config.json.
// Errors name the file and key of a wrong value. Missing files are no error.
Result<ProcessorConfig> read_processor_config(const std::filesystem::path& dir);

// One media processor's object. `where` names it in errors.
Result<MediaConfig> parse_media_config(const Json& json, MediaConfig defaults,
                                       const std::string& where);

}  // namespace glmv::processing
