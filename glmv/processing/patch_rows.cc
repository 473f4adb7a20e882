#include "glmv/processing/patch_rows.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "glmv/base/every_isa.h"

namespace glmv::processing {
namespace {

constexpr int64_t kUsualPatch = 14;
// Bytes that are read behind a row of a plane.
constexpr int64_t kSlack = 16;
// Rows of blocks that a thread takes at once when all pixels are there: each begins with a few rows
// that its neighbour has resized too.
constexpr int64_t kRowsAtOnce = 4;

GLMV_EVERY_ISA void split_channels(const uint8_t* rgb, int64_t n, uint8_t* r, uint8_t* g,
                                   uint8_t* b) {
  for (int64_t x = 0; x < n; ++x) {
    r[x] = rgb[3 * x];
    g[x] = rgb[3 * x + 1];
    b[x] = rgb[3 * x + 2];
  }
}

// One channel of a patch of 14 x 14, rows `ld` bytes apart. Sixteen values at a time, of which the
// next row overwrites two.
GLMV_EVERY_ISA void normalize_usual(const uint8_t* in, int64_t ld, float mean, float divisor,
                                    float* out) {
  for (int64_t y = 0; y < kUsualPatch; ++y, in += ld, out += kUsualPatch) {
    float values[16];
    for (int x = 0; x < 16; ++x) values[x] = (static_cast<float>(in[x]) - mean) / divisor;
    std::memcpy(out, values, kUsualPatch * sizeof(float));
  }
}

void look_up(const uint8_t* in, int64_t ld, int64_t side, const std::array<float, 256>& table,
             float* out) {
  for (int64_t y = 0; y < side; ++y, in += ld) {
    for (int64_t x = 0; x < side; ++x) *out++ = table[in[x]];
  }
}

// A row of blocks as bytes, channel by channel: [3, block_side, width + slack].
struct Band {
  int64_t side;
  int64_t width;
  int64_t ld = width + kSlack;
  std::vector<uint8_t> interleaved = std::vector<uint8_t>(side * width * 3);
  std::vector<uint8_t> planes = std::vector<uint8_t>(3 * side * ld);

  uint8_t* row(int64_t channel, int64_t y) { return planes.data() + (channel * side + y) * ld; }

  void split() {
    for (int64_t y = 0; y < side; ++y) {
      split_channels(interleaved.data() + y * width * 3, width, row(0, y), row(1, y), row(2, y));
    }
  }
};

// Patches in order (block, row in block, column in block).
void write_patches(Band& band, const Normalizer& normalizer, const PatchLayout& layout,
                   float* out) {
  const int64_t p = layout.patch_size, m = layout.merge_size;
  const int64_t plane = p * p;
  for (int64_t block = 0; block < layout.grid_w / m; ++block) {
    for (int64_t a = 0; a < m; ++a) {
      for (int64_t b = 0; b < m; ++b, out += layout.patch_dim()) {
        for (int64_t c = 0; c < 3; ++c) {
          const uint8_t* in = band.row(c, a * p) + (block * m + b) * p;
          float* first = out + (c * layout.temporal_size + layout.tau_begin) * plane;
          if (normalizer.is_affine && p == kUsualPatch) {
            normalize_usual(in, band.ld, normalizer.mean[c], normalizer.divisor[c], first);
          } else {
            look_up(in, band.ld, p, normalizer.table[c], first);
          }
          for (int64_t tau = layout.tau_begin + 1; tau < layout.tau_end; ++tau) {
            std::memcpy(first + (tau - layout.tau_begin) * plane, first, plane * sizeof(float));
          }
        }
      }
    }
  }
}

// The constants of a channel in the reference's order of operations.
std::pair<float, float> mean_and_divisor(const MediaConfig& config, size_t channel) {
  auto mean = static_cast<float>(config.mean[channel]);
  auto divisor = static_cast<float>(config.std[channel]);
  if (config.do_rescale) {
    const auto scale = static_cast<float>(1.0 / config.rescale_factor);
    mean *= scale;
    divisor *= scale;
  }
  return {mean, divisor};
}

}  // namespace

NormalizeTable make_normalize_table(const MediaConfig& config) {
  NormalizeTable table;
  for (size_t c = 0; c < 3; ++c) {
    const auto [mean, divisor] = mean_and_divisor(config, c);
    for (int v = 0; v < 256; ++v) {
      const float value = static_cast<float>(v);
      if (config.do_normalize) {
        table[c][v] = (value - mean) / divisor;
      } else {
        table[c][v] = config.do_rescale ? value * static_cast<float>(config.rescale_factor) : value;
      }
    }
  }
  return table;
}

Normalizer::Normalizer(const MediaConfig& config)
    : table(make_normalize_table(config)), is_affine(config.do_normalize) {
  for (size_t c = 0; c < 3; ++c) std::tie(mean[c], divisor[c]) = mean_and_divisor(config, c);
}

FramePatches::FramePatches(const media::ImageView& frame, const Normalizer& normalizer,
                           const PatchLayout& layout, float* slice)
    : frame_(frame),
      resizer_(frame.width, frame.height, static_cast<int>(layout.grid_w * layout.patch_size),
               static_cast<int>(layout.grid_h * layout.patch_size)),
      normalizer_(normalizer),
      layout_(layout),
      slice_(slice) {}

void FramePatches::work(const media::RowProgress* progress) {
  const int64_t side = layout_.block_side();
  const int64_t band_floats = layout_.grid_w * layout_.merge_size * layout_.patch_dim();
  const int64_t at_once = progress != nullptr ? 1 : kRowsAtOnce;
  Band band{.side = side, .width = resizer_.width()};
  media::RowResizer rows(resizer_, frame_);
  while (true) {
    const int64_t begin = next_.fetch_add(at_once);
    const int64_t end = std::min(begin + at_once, layout_.block_rows());
    if (begin >= end) return;
    for (int64_t i = begin; i < end; ++i) {
      const int last = static_cast<int>((i + 1) * side);
      if (progress != nullptr && !progress->wait_for(resizer_.input_rows(last))) return;
      rows.rows(last - static_cast<int>(side), last, band.interleaved.data());
      band.split();
      write_patches(band, normalizer_, layout_, slice_ + i * band_floats);
    }
  }
}

}  // namespace glmv::processing
