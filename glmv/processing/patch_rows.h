#pragma once
// Resized bytes -> rows of pixel_values of one frame, in rows of blocks that any threads take.

#include <array>
#include <atomic>
#include <cstdint>

#include "glmv/media/resize.h"
#include "glmv/media/row_reader.h"
#include "glmv/processing/processor_config.h"

namespace glmv::processing {

// float of each 8-bit value per channel, computed in fp32 as the reference does.
using NormalizeTable = std::array<std::array<float, 256>, 3>;
NormalizeTable make_normalize_table(const MediaConfig& config);

// The table, and where it can be computed faster than looked up (bit for bit the same): value ->
// (value - mean) / divisor.
struct Normalizer {
  NormalizeTable table;
  bool is_affine = false;
  std::array<float, 3> mean{};
  std::array<float, 3> divisor{};

  explicit Normalizer(const MediaConfig& config);
};

// Where the values of one frame go inside its temporal slice.
struct PatchLayout {
  int64_t patch_size;
  int64_t merge_size;
  int64_t temporal_size;
  int64_t grid_h;
  int64_t grid_w;
  int64_t tau_begin;  // the frame fills these positions on the temporal axis of the patch
  int64_t tau_end;

  int64_t block_side() const { return patch_size * merge_size; }
  int64_t block_rows() const { return grid_h / merge_size; }
  int64_t patch_dim() const { return 3 * temporal_size * patch_size * patch_size; }
};

class FramePatches {
 public:
  // `frame`: pixels that outlive this. `slice`: the start of its temporal slice,
  // [grid_h * grid_w, patch_dim].
  FramePatches(const media::ImageView& frame, const Normalizer& normalizer,
               const PatchLayout& layout, float* slice);

  // Resizes, normalises and cuts rows of blocks until none is left; called by any number of threads
  // at once. With `progress` each waits for the pixels that it needs, and returns when they will
  // never come; the patches are whole when all threads have returned.
  void work(const media::RowProgress* progress = nullptr);

 private:
  media::ImageView frame_;
  media::BicubicResizer resizer_;
  Normalizer normalizer_;
  PatchLayout layout_;
  float* slice_;
  std::atomic<int64_t> next_ = 0;  // row of blocks
};

}  // namespace glmv::processing
