#include "glmv/processing/image_processor.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "glmv/base/check.h"
#include "glmv/base/mmap.h"
#include "glmv/media/resize.h"

namespace glmv::processing {
namespace {

// Patch memory of one medium; a bound against absurd processor files.
constexpr int64_t kMaxPatchFloats = int64_t{1} << 31;
// Frames below it are done on the calling thread: starting threads would cost more.
constexpr int64_t kPixelsPerThread = 256 * 1024;
constexpr int64_t kMaxThreads = 8;

// Where the values of one frame go inside its temporal slice.
struct PatchLayout {
  int64_t patch_size;
  int64_t merge_size;
  int64_t temporal_size;
  int64_t grid_w;
  int64_t tau_begin;  // the frame fills these positions on the temporal axis of the patch
  int64_t tau_end;

  int64_t block_side() const { return patch_size * merge_size; }
  int64_t patch_dim() const { return 3 * temporal_size * patch_size * patch_size; }
};

// One row of blocks: `rows` holds block_side() pixel rows of row_bytes each; `out` its patches in
// order (block, row in block, column in block).
void write_block_row(const uint8_t* rows, size_t row_bytes, const NormalizeTable& table,
                     const PatchLayout& layout, float* out) {
  const int64_t p = layout.patch_size, m = layout.merge_size;
  const int64_t plane = p * p;
  for (int64_t block = 0; block < layout.grid_w / m; ++block) {
    for (int64_t a = 0; a < m; ++a) {
      for (int64_t b = 0; b < m; ++b, out += layout.patch_dim()) {
        const uint8_t* corner = rows + a * p * row_bytes + (block * m + b) * p * 3;
        float* planes[3];
        for (int64_t c = 0; c < 3; ++c) {
          planes[c] = out + (c * layout.temporal_size + layout.tau_begin) * plane;
        }
        for (int64_t y = 0; y < p; ++y) {
          const uint8_t* in = corner + y * row_bytes;
          for (int64_t x = 0; x < p; ++x, in += 3) {
            planes[0][y * p + x] = table[0][in[0]];
            planes[1][y * p + x] = table[1][in[1]];
            planes[2][y * p + x] = table[2][in[2]];
          }
        }
        for (int64_t tau = layout.tau_begin + 1; tau < layout.tau_end; ++tau) {
          for (float* first : planes) {
            std::memcpy(first + (tau - layout.tau_begin) * plane, first, plane * sizeof(float));
          }
        }
      }
    }
  }
}

// Block rows [begin, end) of a frame; `slice` is the start of the frame's temporal slice.
void write_block_rows(const media::Image& frame, const media::BicubicResizer& resizer,
                      const NormalizeTable& table, const PatchLayout& layout, int64_t begin,
                      int64_t end, float* slice) {
  const int64_t side = layout.block_side();
  const size_t row_bytes = static_cast<size_t>(resizer.width()) * 3;
  const int64_t band_floats = layout.grid_w * layout.merge_size * layout.patch_dim();
  std::vector<uint8_t> band(row_bytes * side);
  resizer.rows(frame, static_cast<int>(begin * side), static_cast<int>(end * side),
               [&](int y, const uint8_t* row) {
                 const int64_t in_band = y % side;
                 std::memcpy(band.data() + in_band * row_bytes, row, row_bytes);
                 if (in_band == side - 1) {
                   write_block_row(band.data(), row_bytes, table, layout,
                                   slice + y / side * band_floats);
                 }
               });
}

}  // namespace

NormalizeTable make_normalize_table(const MediaConfig& config) {
  NormalizeTable table;
  const float scale = static_cast<float>(1.0 / config.rescale_factor);
  for (size_t c = 0; c < 3; ++c) {
    float mean = static_cast<float>(config.mean[c]);
    float std = static_cast<float>(config.std[c]);
    if (config.do_rescale) {
      mean *= scale;
      std *= scale;
    }
    for (int v = 0; v < 256; ++v) {
      const float value = static_cast<float>(v);
      if (config.do_normalize) {
        table[c][v] = (value - mean) / std;
      } else {
        table[c][v] = config.do_rescale ? value * static_cast<float>(config.rescale_factor) : value;
      }
    }
  }
  return table;
}

PatchBuilder::PatchBuilder(const MediaConfig& config, int64_t num_frames, FrameSize size)
    : config_(config),
      table_(make_normalize_table(config)),
      num_frames_(num_frames),
      size_(size) {}

Result<PatchBuilder> PatchBuilder::create(const MediaConfig& config, MediaKind kind,
                                          int64_t num_frames, int64_t width, int64_t height,
                                          int64_t max_pixels) {
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
  FrameSize size{height, width};
  if (config.do_resize) {
    GLMV_ASSIGN(size, smart_resize(counted_frames, height, width, limits));
  } else if (counted_frames < temporal || height % limits.factor || width % limits.factor ||
             height < 1 || width < 1) {
    return invalid_argument("{} x {} pixels: with do_resize off, sides must be multiples of {}",
                            width, height, limits.factor);
  }
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
  // 100 MB and more for a large picture.
  std::vector<float>& patches = builder.medium_.patches;
  patches.reserve(grid.num_patches() * config.patch_dim());
  advise_huge_pages(patches.data(), patches.capacity() * sizeof(float));
  builder.medium_.patches.resize(grid.num_patches() * config.patch_dim());
  return builder;
}

Result<void> PatchBuilder::add(const media::Image& frame) {
  GLMV_CHECK(num_added_ < num_frames_);
  if (frame.width != medium_.width || frame.height != medium_.height) {
    return invalid_argument("frame {} has {} x {} pixels, the first one {} x {}; give frames of one"
                            " size", num_added_, frame.width, frame.height, medium_.width,
                            medium_.height);
  }
  const int64_t temporal = config_.temporal_patch_size;
  const int64_t tau = num_added_ % temporal;
  // The last frame also fills what is missing of its slice.
  const bool last = num_added_ + 1 == num_frames_;
  const PatchLayout layout{config_.patch_size, config_.merge_size, temporal, medium_.grid.w, tau,
                           last ? temporal : tau + 1};
  float* slice = medium_.patches.data() +
                 num_added_ / temporal * medium_.grid.h * medium_.grid.w * layout.patch_dim();
  const media::BicubicResizer resizer(frame.width, frame.height, static_cast<int>(size_.width),
                                      static_cast<int>(size_.height));
  ++num_added_;

  const int64_t block_rows = medium_.grid.h / config_.merge_size;
  const int64_t by_work = size_.width * size_.height / kPixelsPerThread;
  const int64_t cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
  const int64_t num_threads = std::clamp<int64_t>(
      std::min({by_work, cores, kMaxThreads, block_rows}), 1, kMaxThreads);
  std::vector<std::jthread> threads;
  for (int64_t i = 1; i < num_threads; ++i) {
    threads.emplace_back([&, i] {
      write_block_rows(frame, resizer, table_, layout, block_rows * i / num_threads,
                       block_rows * (i + 1) / num_threads, slice);
    });
  }
  write_block_rows(frame, resizer, table_, layout, 0, block_rows / num_threads, slice);
  return {};
}

Medium PatchBuilder::finish() && {
  GLMV_CHECK(num_added_ == num_frames_, "{} of {} frames", num_added_, num_frames_);
  return std::move(medium_);
}

}  // namespace glmv::processing
