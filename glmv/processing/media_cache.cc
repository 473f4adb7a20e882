#include "glmv/processing/media_cache.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "glmv/base/check.h"
#include "glmv/processing/patch_rows.h"
#include "glmv/processing/video_plan.h"

namespace glmv::processing {
namespace {

// Where the values of a patch [3, temporal_size, plane] go. A picture fills all temporal positions
// with the same ones.
struct PackedLayout {
  int64_t temporal_size;
  int64_t plane;
  int64_t num_kept;  // temporal positions

  PackedLayout(const MediaConfig& config, bool image)
      : temporal_size(config.temporal_patch_size),
        plane(config.patch_size * config.patch_size),
        num_kept(image ? 1 : temporal_size) {}

  int64_t patch_floats() const { return 3 * temporal_size * plane; }
  int64_t patch_bytes() const { return 3 * num_kept * plane; }
};

// The bytes whose entries of `table` are `values`; false where they are none.
bool to_bytes(const float* values, int64_t count, const std::array<float, 256>& table,
              uint8_t* bytes) {
  const float first = table[0];
  const float steps = 255 / (table[255] - first);
  bool same = true;
  for (int64_t i = 0; i < count; ++i) {
    const float place = (values[i] - first) * steps + 0.5F;
    bytes[i] = place >= 0 && place < 256 ? static_cast<uint8_t>(place) : 0;
    same &= table[bytes[i]] == values[i];
  }
  return same;
}

bool is_repeated(const float* values, int64_t count, int64_t times) {
  for (int64_t i = 1; i < times; ++i) {
    if (std::memcmp(values, values + i * count, count * sizeof(float)) != 0) return false;
  }
  return true;
}

void add_numbers(Sha256& hash, std::initializer_list<int64_t> values) {
  for (const int64_t value : values) hash.add_u64(static_cast<uint64_t>(value));
}

void add_numbers(Sha256& hash, std::span<const double> values) {
  hash.add_u64(values.size());
  for (const double value : values) hash.add_u64(std::bit_cast<uint64_t>(value));
}

}  // namespace

std::shared_ptr<const PackedMedium> pack(const Medium& medium, const MediaConfig& config) {
  const PackedLayout layout(config, medium.kind == MediaKind::kImage);
  const int64_t num_patches = medium.grid.num_patches();
  if (std::ssize(medium.patches) != num_patches * layout.patch_floats() || !medium.digest)
    return {};
  const NormalizeTable table = make_normalize_table(config);
  auto packed = std::make_shared<PackedMedium>();
  packed->grid = medium.grid;
  packed->width = medium.width;
  packed->height = medium.height;
  packed->timestamps_s = medium.timestamps_s;
  packed->digest = *medium.digest;
  packed->values.resize(num_patches * layout.patch_bytes());
  const float* from = medium.patches.data();
  uint8_t* to = packed->values.data();
  const int64_t count = layout.num_kept * layout.plane;
  for (int64_t i = 0; i < num_patches * 3; ++i) {
    if (!to_bytes(from, count, table[i % 3], to)) return {};
    if (!is_repeated(from, count, layout.temporal_size / layout.num_kept)) return {};
    from += layout.temporal_size * layout.plane;
    to += count;
  }
  return packed;
}

Medium unpack(const PackedMedium& packed, MediaKind kind, const MediaConfig& config) {
  const PackedLayout layout(config, kind == MediaKind::kImage);
  const int64_t num_patches = packed.grid.num_patches();
  GLMV_CHECK(std::ssize(packed.values) == num_patches * layout.patch_bytes());
  const NormalizeTable table = make_normalize_table(config);
  Medium medium{.kind = kind,
                .grid = packed.grid,
                .width = packed.width,
                .height = packed.height,
                .timestamps_s = packed.timestamps_s,
                .digest = packed.digest};
  medium.patches.resize(num_patches * layout.patch_floats());
  const uint8_t* from = packed.values.data();
  float* to = medium.patches.data();
  const int64_t count = layout.num_kept * layout.plane;
  for (int64_t i = 0; i < num_patches * 3; ++i) {
    const std::array<float, 256>& values = table[i % 3];
    for (int64_t k = 0; k < count; ++k) to[k] = values[from[k]];
    for (int64_t k = 1; k < layout.temporal_size / layout.num_kept; ++k) {
      std::memcpy(to + k * count, to, count * sizeof(float));
    }
    from += count;
    to += layout.temporal_size * layout.plane;
  }
  return medium;
}

Digest media_key(const text::ContentPart& part, std::span<const Digest> sources,
                 const ProcessorConfig& config, int64_t request_max_pixels, std::string_view salt) {
  const bool video = part.kind == text::PartKind::kVideo;
  const MediaConfig& media = video ? config.video : config.image;
  Sha256 hash;
  hash.add_framed("glmv-media-source-1").add_framed(salt);
  add_numbers(hash, {video, part_max_pixels(part, request_max_pixels, media),
                     part.detail == text::Detail::kOriginal, media.min_pixels, media.max_pixels,
                     media.patch_size, media.temporal_patch_size, media.merge_size, media.do_resize,
                     media.do_rescale, media.do_normalize});
  add_numbers(hash, std::span(&media.rescale_factor, 1));
  add_numbers(hash, media.mean);
  add_numbers(hash, media.std);
  if (video) {
    add_numbers(hash, {part.max_frames, static_cast<int64_t>(config.sampling)});
    const double options[] = {part.fps, part.begin_s, part.end_s, config.sampling_fps};
    add_numbers(hash, options);
    add_numbers(hash, part.frame_times_s);
  }
  hash.add_u64(sources.size());
  for (const Digest& source : sources) hash.add(source);
  return hash.digest();
}

std::shared_ptr<const PackedMedium> MediaCache::find(const Digest& key) {
  const std::lock_guard lock(mutex_);
  ++queries_;
  const auto* const found = media_.find(key);
  if (found == nullptr) return nullptr;
  ++hits_;
  return *found;
}

void MediaCache::put(const Digest& key, std::shared_ptr<const PackedMedium> medium) {
  if (medium == nullptr) return;
  const auto num_bytes = static_cast<int64_t>(sizeof(PackedMedium) + medium->values.capacity() +
                                              medium->timestamps_s.capacity() * sizeof(double));
  const std::lock_guard lock(mutex_);
  media_.put(key, std::move(medium), num_bytes);
}

MediaCacheUse MediaCache::use() const {
  const std::lock_guard lock(mutex_);
  return {queries_, hits_, media_.num_bytes(), media_.max_bytes()};
}

}  // namespace glmv::processing
