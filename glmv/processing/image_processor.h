#pragma once
// Decoded pictures and frames -> rows of pixel_values: resize, normalise, cut into patches.
// Source: transformers 5.23 image_processing_glm4v.py (default backend).

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/image.h"
#include "glmv/processing/model_input.h"
#include "glmv/processing/patch_rows.h"
#include "glmv/processing/processor_config.h"

namespace glmv::processing {

// The size of a picture (num_frames 1) or of a video's frames after resize. max_pixels: per frame,
// 0 for no further limit. Errors: smart_resize's; with do_resize off, sides that are no multiple of
// patch_size * merge_size.
Result<FrameSize> resized(const MediaConfig& config, MediaKind kind, int64_t num_frames,
                          FrameSize size, int64_t max_pixels);

// Builds the patches of one picture or video frame by frame, so that only one decoded frame needs
// to be in memory. Not thread-safe; uses up to num_threads threads for large frames.
class PatchBuilder {
 public:
  // width, height: of all frames, in pixels. max_pixels and errors as resized().
  static Result<PatchBuilder> create(const MediaConfig& config, MediaKind kind, int64_t num_frames,
                                     int64_t width, int64_t height, int64_t max_pixels = 0);

  // Frames in order; invalid_argument when the size differs from the first one's.
  Result<void> add(const media::ImageView& frame);

  // The next frame for threads of the caller's, who runs FramePatches::work() to its end; the
  // builder may be moved meanwhile, not destroyed. Errors as add().
  Result<std::unique_ptr<FramePatches>> next_frame(const media::ImageView& frame);

  // After num_frames calls of add or next_frame. Timestamps are left empty.
  Medium finish() &&;

  FrameSize size() const { return size_; }

 private:
  PatchBuilder(const MediaConfig& config, int64_t num_frames, FrameSize size);

  MediaConfig config_;
  Normalizer normalizer_;
  int64_t num_frames_;
  int64_t num_added_ = 0;
  FrameSize size_;  // after resize
  Medium medium_;
};

// The patches of one picture, made while it is decoded where its format allows it: give it to
// media::decode_image as the reader. For one picture.
class PictureReader final : public media::RowReader {
 public:
  // max_pixels: as PatchBuilder::create.
  PictureReader(const MediaConfig& config, int64_t max_pixels);
  ~PictureReader() override;

  void start(const media::ImageView& picture) override;
  void stop() override;

  // `picture` as it was decoded. Errors: PatchBuilder::create's. Once.
  Result<Medium> finish(const media::Image& picture);

 private:
  MediaConfig config_;
  int64_t max_pixels_;
  std::optional<PatchBuilder> builder_;  // none: start() was not called, or nothing begun
  std::unique_ptr<FramePatches> patches_;
  std::vector<std::jthread> threads_;
};

}  // namespace glmv::processing
