#include "glmv/processing/image_processor.h"

#include <algorithm>
#include <thread>

#include "glmv/base/check.h"
#include "glmv/base/cpus.h"

namespace glmv::processing {
namespace {

// Patch memory of one medium; a bound against absurd processor files.
constexpr int64_t kMaxPatchFloats = int64_t{1} << 31;
// Frames below it are done on the calling thread: starting threads would cost more.
constexpr int64_t kPixelsPerThread = 256 * 1024;
constexpr int64_t kMaxThreads = 8;

// Threads beside the calling one that are worth starting.
int64_t num_helpers(int64_t pixels, int64_t block_rows) {
  const auto cores = std::max<int64_t>(1, std::ssize(allowed_cpus()));
  return std::clamp<int64_t>(std::min({pixels / kPixelsPerThread, cores, kMaxThreads, block_rows}),
                             1, kMaxThreads) -
         1;
}

std::vector<std::jthread> start_helpers(FramePatches& patches, int64_t num,
                                        const media::RowProgress* progress = nullptr) {
  std::vector<std::jthread> threads;
  for (int64_t i = 0; i < num; ++i) {
    threads.emplace_back([&patches, progress] { patches.work(progress); });
  }
  return threads;
}

}  // namespace

PatchBuilder::PatchBuilder(const MediaConfig& config, int64_t num_frames, FrameSize size)
    : config_(config), normalizer_(config), num_frames_(num_frames), size_(size) {}

Result<FrameSize> resized(const MediaConfig& config, MediaKind kind, int64_t num_frames,
                          FrameSize size, int64_t max_pixels) {
  ResizeLimits limits = config.limits();
  const bool image = kind == MediaKind::kImage;
  GLMV_CHECK(!image || num_frames == 1);
  const int64_t temporal = config.temporal_patch_size;
  const int64_t counted_frames = image ? temporal : num_frames;
  if (max_pixels < 0) return invalid_argument("max_pixels is {}; expected 0 or more", max_pixels);
  if (max_pixels > 0 && max_pixels < limits.max_pixels / std::max<int64_t>(counted_frames, 1)) {
    limits.max_pixels = max_pixels * counted_frames;
    limits.min_pixels = std::min(limits.min_pixels, limits.max_pixels);
  }
  if (config.do_resize) return smart_resize(counted_frames, size.height, size.width, limits);
  if (counted_frames < temporal || size.height % limits.factor || size.width % limits.factor ||
      size.height < 1 || size.width < 1) {
    return invalid_argument("{} x {} pixels: with do_resize off, sides must be multiples of {}",
                            size.width, size.height, limits.factor);
  }
  return size;
}

Result<PatchBuilder> PatchBuilder::create(const MediaConfig& config, MediaKind kind,
                                          int64_t num_frames, int64_t width, int64_t height,
                                          int64_t max_pixels) {
  GLMV_ASSIGN(const FrameSize size, resized(config, kind, num_frames, {height, width}, max_pixels));
  const int64_t temporal = config.temporal_patch_size;
  const int64_t slices = (num_frames + temporal - 1) / temporal;
  const Grid grid{slices, size.height / config.patch_size, size.width / config.patch_size};
  if (grid.num_patches() > kMaxPatchFloats / config.patch_dim()) {
    return resource_exhausted("{} frames of {} x {} pixels are too many; lower size.longest_edge",
                              num_frames, size.width, size.height);
  }
  PatchBuilder builder(config, num_frames, size);
  builder.medium_.kind = kind;
  builder.medium_.grid = grid;
  builder.medium_.width = width;
  builder.medium_.height = height;
  builder.medium_.patches.resize(grid.num_patches() * config.patch_dim());
  return builder;
}

Result<std::unique_ptr<FramePatches>> PatchBuilder::next_frame(const media::ImageView& frame) {
  GLMV_CHECK(num_added_ < num_frames_);
  if (frame.width != medium_.width || frame.height != medium_.height) {
    return invalid_argument(
        "frame {} has {} x {} pixels, the first one {} x {}; give frames of one"
        " size",
        num_added_, frame.width, frame.height, medium_.width, medium_.height);
  }
  const int64_t temporal = config_.temporal_patch_size;
  const int64_t tau = num_added_ % temporal;
  // The last frame also fills what is missing of its slice.
  const bool last = num_added_ + 1 == num_frames_;
  const Grid& grid = medium_.grid;
  const PatchLayout layout{
      config_.patch_size,       config_.merge_size, temporal, grid.h, grid.w, tau,
      last ? temporal : tau + 1};
  float* slice =
      medium_.patches.data() + num_added_ / temporal * grid.h * grid.w * layout.patch_dim();
  ++num_added_;
  return std::make_unique<FramePatches>(frame, normalizer_, layout, slice);
}

Result<void> PatchBuilder::add(const media::ImageView& frame) {
  GLMV_ASSIGN(const auto patches, next_frame(frame));
  const auto threads = start_helpers(
      *patches, num_helpers(size_.width * size_.height, medium_.grid.h / config_.merge_size));
  patches->work();
  return {};
}

Medium PatchBuilder::finish() && {
  GLMV_CHECK(num_added_ == num_frames_, "{} of {} frames", num_added_, num_frames_);
  return std::move(medium_);
}

PictureReader::PictureReader(const MediaConfig& config, int64_t max_pixels)
    : config_(config), max_pixels_(max_pixels) {}

PictureReader::~PictureReader() { stop(); }

void PictureReader::start(const media::ImageView& picture) {
  auto builder = PatchBuilder::create(config_, MediaKind::kImage, 1, picture.width, picture.height,
                                      max_pixels_);
  if (!builder) return;  // finish() says why
  const FrameSize size = builder->size();
  const int64_t block_rows = size.height / (config_.patch_size * config_.merge_size);
  const int64_t helpers = num_helpers(size.width * size.height, block_rows);
  if (helpers == 0) return;
  builder_.emplace(std::move(*builder));
  patches_ = std::move(*builder_->next_frame(picture));
  threads_ = start_helpers(*patches_, helpers, &progress());
}

void PictureReader::stop() {
  if (threads_.empty()) return;
  progress().fail();
  threads_.clear();
  patches_.reset();
  builder_.reset();
}

Result<Medium> PictureReader::finish(const media::Image& picture) {
  if (builder_) {
    patches_->work(&progress());
    threads_.clear();
    return std::move(*builder_).finish();
  }
  GLMV_ASSIGN(PatchBuilder builder,
              PatchBuilder::create(config_, MediaKind::kImage, 1, picture.width, picture.height,
                                   max_pixels_));
  GLMV_RETURN_IF_ERROR(builder.add(picture));
  return std::move(builder).finish();
}

}  // namespace glmv::processing
