#include "glmv/processing/media_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "glmv/processing/image_processor.h"
#include "glmv/processing/media_digest.h"

namespace glmv::processing {
namespace {

Medium medium_of(MediaKind kind, const MediaConfig& config, int num_frames, int width, int height) {
  std::mt19937 random(static_cast<uint32_t>(width * height));
  auto builder = PatchBuilder::create(config, kind, num_frames, width, height);
  EXPECT_TRUE(builder) << builder.error().message;
  for (int i = 0; i < num_frames; ++i) {
    media::Image frame{width, height, media::PixelBytes(size_t{3} * width * height)};
    for (uint8_t& value : frame.data) value = static_cast<uint8_t>(random());
    EXPECT_TRUE(builder->add(frame));
  }
  Medium medium = std::move(*builder).finish();
  if (kind == MediaKind::kVideo) medium.timestamps_s = {0, 0.5};
  medium.digest = media_digest(medium);
  return medium;
}

TEST(MediaCache, PackedMediaComeBackBitForBit) {
  MediaConfig plain;
  plain.do_normalize = false;
  MediaConfig raw = plain;
  raw.do_rescale = false;
  MediaConfig odd;
  odd.patch_size = 16;
  odd.mean = {0.5, 0.5, 0.5};
  odd.std = {0.5, 0.5, 0.5};
  for (const MediaConfig& config : {MediaConfig{}, plain, raw, odd}) {
    for (const auto& [kind, num_frames] :
         {std::pair{MediaKind::kImage, 1}, {MediaKind::kVideo, 4}}) {
      const Medium medium = medium_of(kind, config, num_frames, 310, 190);
      const auto packed = pack(medium, config);
      ASSERT_NE(packed, nullptr);
      const size_t share = kind == MediaKind::kImage ? 8 : 4;
      EXPECT_EQ(packed->values.size() * share, medium.patches.size() * sizeof(float));
      const Medium again = unpack(*packed, kind, config);
      ASSERT_EQ(again.patches.size(), medium.patches.size());
      EXPECT_EQ(std::memcmp(again.patches.data(), medium.patches.data(),
                            medium.patches.size() * sizeof(float)),
                0);
      EXPECT_EQ(media_digest(again), media_digest(medium));
      EXPECT_EQ(again.digest, medium.digest);
      EXPECT_EQ(again.grid, medium.grid);
      EXPECT_EQ(again.kind, kind);
      EXPECT_EQ(std::pair(again.width, again.height), std::pair(int64_t{310}, int64_t{190}));
      EXPECT_EQ(again.timestamps_s, medium.timestamps_s);
    }
  }
}

TEST(MediaCache, OtherValuesAreNotPacked) {
  const MediaConfig config;
  const Medium good = medium_of(MediaKind::kImage, config, 1, 60, 60);
  ASSERT_NE(pack(good, config), nullptr);
  for (const float value : {1e9F, -1e9F, std::numeric_limits<float>::quiet_NaN()}) {
    Medium medium = good;
    medium.patches[5] = value;
    EXPECT_EQ(pack(medium, config), nullptr);
  }
  Medium shifted = good;
  shifted.patches[5] += 1e-4F;
  EXPECT_EQ(pack(shifted, config), nullptr);
  Medium uneven = good;  // the temporal halves of a picture's patch differ
  uneven.patches[0] = good.patches[good.patches[5] == good.patches[0] ? 6 : 5];
  EXPECT_EQ(pack(uneven, config), nullptr);
  Medium nameless = good;
  nameless.digest.reset();
  EXPECT_EQ(pack(nameless, config), nullptr);
}

TEST(MediaCache, EverythingThatDecidesIsInTheKey) {
  const Digest source = *Digest::from_hex(std::string(64, 'a'));
  const Digest other = *Digest::from_hex(std::string(64, 'b'));
  const text::ContentPart picture{.kind = text::PartKind::kImage};
  const text::ContentPart video{.kind = text::PartKind::kVideo};
  const ProcessorConfig config;
  const auto key = [&](const text::ContentPart& part, std::vector<Digest> sources = {},
                       const ProcessorConfig& with = {}, int64_t max_pixels = 0,
                       std::string_view salt = "") {
    if (sources.empty()) sources = {source};
    return media_key(part, sources, with, max_pixels, salt);
  };
  EXPECT_EQ(key(picture), key(picture));
  std::set<Digest> keys = {key(picture), key(video)};
  size_t num = 2;
  const auto add = [&](const Digest& digest) {
    keys.insert(digest);
    EXPECT_EQ(keys.size(), ++num);
  };
  add(key(picture, {other}));
  add(key(picture, {source, other}));
  add(key(picture, {}, config, 500'000));
  add(key(picture, {}, config, 0, "salt"));
  text::ContentPart part = picture;
  part.detail = text::Detail::kOriginal;
  add(key(part));
  part.detail = text::Detail::kLow;
  add(key(part));
  ProcessorConfig changed;
  changed.image.max_pixels -= 784;
  add(key(picture, {}, changed));
  changed = {};
  changed.image.std[2] += 1e-9;
  add(key(picture, {}, changed));
  changed = {};
  changed.image.do_resize = false;
  add(key(picture, {}, changed));
  part = video;
  part.fps = 2;
  add(key(part));
  part.begin_s = 1;
  add(key(part));
  part.end_s = 2;
  add(key(part));
  part.max_frames = 4;
  add(key(part));
  part.frame_times_s = {0, 1};
  add(key(part));
  changed = {};
  changed.sampling = VideoStyle::kGlm46v;
  add(key(video, {}, changed));
  // What is said of a picture in words does not matter, nor what only lowers a limit that is lower.
  part = picture;
  part.fps = 7;
  EXPECT_EQ(key(part), key(picture));
  part.max_pixels = 500'000;
  EXPECT_EQ(key(part), key(picture, {}, config, 500'000));
}

TEST(MediaCache, TheLastUsedStayWithinTheBytes) {
  const auto of_bytes = [](size_t num) {
    auto medium = std::make_shared<PackedMedium>();
    medium->values.resize(num);
    return medium;
  };
  const auto key = [](char digit) { return *Digest::from_hex(std::string(64, digit)); };
  MediaCache cache(100'000);
  cache.put(key('1'), of_bytes(40'000));
  cache.put(key('2'), of_bytes(40'000));
  EXPECT_NE(cache.find(key('1')), nullptr);
  const auto held = cache.find(key('2'));
  EXPECT_NE(cache.find(key('1')), nullptr);
  cache.put(key('3'), of_bytes(40'000));
  EXPECT_EQ(cache.find(key('2')), nullptr);
  EXPECT_EQ(held->values.size(), 40'000u);  // whoever has it keeps it
  EXPECT_NE(cache.find(key('1')), nullptr);
  cache.put(key('4'), of_bytes(200'000));
  cache.put(key('5'), nullptr);
  EXPECT_EQ(cache.find(key('4')), nullptr);
  EXPECT_EQ(cache.find(key('5')), nullptr);
  const MediaCacheUse use = cache.use();
  EXPECT_EQ(use.queries, 7);
  EXPECT_EQ(use.hits, 4);
  EXPECT_GE(use.bytes, 80'000);
  EXPECT_LE(use.bytes, use.max_bytes);
}

TEST(MediaCache, ManyThreads) {
  MediaCache cache(50'000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 2000; ++i) {
        Digest key;
        key.bytes[0] = static_cast<uint8_t>((i + t) % 9);
        if (const auto found = cache.find(key)) {
          EXPECT_EQ(found->width, key.bytes[0]);
          continue;
        }
        auto medium = std::make_shared<PackedMedium>();
        medium->width = key.bytes[0];
        medium->values.resize(9'000);
        cache.put(key, std::move(medium));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(cache.use().queries, 8000);
}

}  // namespace
}  // namespace glmv::processing
