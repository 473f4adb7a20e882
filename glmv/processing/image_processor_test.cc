#include "glmv/processing/image_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "glmv/processing/golden_lines.h"

namespace glmv::processing {
namespace {

using testing::HasSubstr;

media::Image test_picture(int width, int height, int frame = 0) {
  media::Image image{width, height, media::PixelBytes(static_cast<size_t>(width) * height * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixel(x, y)[c] =
            static_cast<uint8_t>((7 * x + 13 * y + 31 * c + (x * y) % 17 + 57 * frame) % 256);
      }
    }
  }
  return image;
}

Medium build(const MediaConfig& config, MediaKind kind, const std::vector<media::Image>& frames,
             int64_t max_pixels = 0) {
  auto builder = PatchBuilder::create(config, kind, static_cast<int64_t>(frames.size()),
                                      frames[0].width, frames[0].height, max_pixels);
  EXPECT_TRUE(builder) << builder.error().message;
  for (const auto& frame : frames) EXPECT_TRUE(builder->add(frame));
  return std::move(*builder).finish();
}

TEST(NormalizeTable, ReleasedMeans) {
  const NormalizeTable table = make_normalize_table({});
  EXPECT_NEAR(table[0][0], -1.792263, 1e-6);
  EXPECT_NEAR(table[1][0], -1.752097, 1e-6);
  EXPECT_NEAR(table[2][0], -1.480220, 1e-6);
  EXPECT_NEAR(table[0][255], 1.930336, 1e-6);
  EXPECT_NEAR(table[1][255], 2.074883, 1e-6);
  EXPECT_NEAR(table[2][255], 2.145897, 1e-6);
}

TEST(NormalizeTable, StepsCanBeSwitchedOff) {
  MediaConfig config;
  config.do_normalize = false;
  EXPECT_FLOAT_EQ(make_normalize_table(config)[0][51], 0.2f);
  config.do_rescale = false;
  EXPECT_FLOAT_EQ(make_normalize_table(config)[0][51], 51.0f);
  config.do_normalize = true;
  EXPECT_FLOAT_EQ(make_normalize_table(config)[0][51], (51.0f - 0.48145466f) / 0.26862954f);
}

TEST(PatchBuilder, SpecifiedVector) {
  const Medium medium = build({}, MediaKind::kImage, {test_picture(85, 60)});
  EXPECT_EQ(medium.grid, (Grid{1, 6, 8}));
  EXPECT_EQ(medium.width, 85);
  EXPECT_EQ(medium.height, 60);
  ASSERT_EQ(medium.patches.size(), 48u * 1176);
  const auto at = [&](size_t row, size_t column) { return medium.patches[row * 1176 + column]; };
  const std::tuple<size_t, size_t, double> expected[] = {
      {0, 0, -1.792263},   {0, 1, -1.748467},    {0, 2, -1.660877},    {0, 3, -1.587885},
      {0, 196, -1.792263}, {0, 199, -1.587885},  {0, 392, -1.301864},  {0, 393, -1.241833},
      {1, 0, -0.726577},   {1, 1, -0.653585},    {1, 2, -0.580593},    {2, 0, 0.061738},
      {2, 1, 0.236919},    {2, 2, 0.324509},     {4, 0, 0.353706},     {4, 1, 0.426698},
      {4, 2, 0.514289},    {47, 1173, 0.396829}, {47, 1174, 0.467929}, {47, 1175, 0.624350}};
  for (const auto& [row, column, value] : expected) {
    EXPECT_NEAR(at(row, column), value, 1e-6) << row << "," << column;
  }
  double sum = 0, squares = 0;
  for (double v : medium.patches) sum += v, squares += v * v;
  EXPECT_NEAR(sum, 10721.5377, 1e-2);
  EXPECT_NEAR(squares, 63267.5697, 1e-2);
}

TEST(PatchBuilder, GoldensOfTheReference) {
  int checked = 0;
  for (const Json& row : golden_lines("pixel_values.jsonl")) {
    if (!row.contains("grid")) continue;
    SCOPED_TRACE(row.dump().substr(0, 100));
    const int num_frames = row["frames"];
    MediaConfig config;
    config.max_pixels = row["longest_edge"];
    std::vector<media::Image> frames;
    for (int f = 0; f < std::max(num_frames, 1); ++f) {
      frames.push_back(test_picture(row["width"], row["height"], f));
    }
    const Medium medium = build(config, num_frames ? MediaKind::kVideo : MediaKind::kImage, frames);
    EXPECT_EQ(medium.grid, (Grid{row["grid"][0], row["grid"][1], row["grid"][2]}));
    double sum = 0, squares = 0, ordered = 0;
    for (size_t i = 0; i < medium.patches.size(); ++i) {
      const double v = medium.patches[i];
      sum += v;
      squares += v * v;
      ordered += v * static_cast<double>((i / 1176 % 97 + 1) * (i % 1176 % 89 + 1));
    }
    EXPECT_NEAR(sum, row["sum"].get<double>(), 1e-2);
    EXPECT_NEAR(squares, row["squares"].get<double>(), 1e-2);
    EXPECT_NEAR(ordered / row["ordered_sum"].get<double>(), 1.0, 1e-7);
    for (const Json& pick : row["values"]) {
      EXPECT_NEAR(medium.patches[pick[0].get<size_t>() * 1176 + pick[1].get<size_t>()],
                  pick[2].get<double>(), 2e-6);
    }
    ++checked;
  }
  EXPECT_GE(checked, 14);
}

TEST(PatchBuilder, LargeFramesOnThreadsEqualTheSmallPath) {
  // 1400 x 1400 is shared out to threads; its patches equal those of its rows cut by hand.
  MediaConfig config;
  const media::Image picture = test_picture(1400, 1400);
  const Medium medium = build(config, MediaKind::kImage, {picture});
  ASSERT_EQ(medium.grid, (Grid{1, 100, 100}));
  const NormalizeTable table = make_normalize_table(config);
  for (int y : {0, 13, 14, 699, 700, 1399}) {
    for (int x : {0, 27, 28, 701, 1399}) {
      const int py = y / 14, px = x / 14;
      const size_t row = ((py / 2 * 50 + px / 2) * 2 + py % 2) * 2 + px % 2;
      for (int c = 0; c < 3; ++c) {
        for (int tau = 0; tau < 2; ++tau) {
          const size_t column = ((c * 2 + tau) * 14 + y % 14) * 14 + x % 14;
          EXPECT_EQ(medium.patches[row * 1176 + column], table[c][picture.pixel(x, y)[c]]);
        }
      }
    }
  }
}

// A decoder in small: the rows come in pieces, on another thread or before finish() at the latest.
TEST(PictureReader, PatchesOfAPictureThatIsBeingDecoded) {
  const MediaConfig config;
  for (const auto& [width, height] :
       {std::pair{1400, 1000}, std::pair{850, 3000}, std::pair{90, 60}}) {
    const media::Image picture = test_picture(width, height);
    const Medium want = build(config, MediaKind::kImage, {picture});
    media::Image arriving{width, height, media::PixelBytes(picture.data.size(), 0)};
    PictureReader reader(config, 0);
    reader.start(arriving);
    for (int y = 0; y < height; y += 16) {
      const int end = std::min(y + 16, height);
      std::copy(picture.pixel(0, y), picture.pixel(0, y) + (end - y) * width * 3,
                arriving.pixel(0, y));
      reader.progress().set(end);
    }
    const auto got = reader.finish(arriving);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->grid, want.grid);
    EXPECT_EQ(got->patches, want.patches);
  }
}

TEST(PictureReader, EndsWithABrokenPicture) {
  media::Image picture = test_picture(1400, 1400);
  for (const int rows : {0, 700}) {
    PictureReader reader({}, 0);
    reader.start(picture);
    reader.progress().set(rows);
    reader.progress().fail();
    reader.stop();
    std::fill(picture.data.begin(), picture.data.end(), 0);  // nobody reads it any more
  }
  {
    PictureReader forgotten({}, 0);
    forgotten.start(picture);
  }
  PictureReader reader({}, 0);
  EXPECT_FALSE(reader.finish(media::Image{1, 65535, media::PixelBytes(3 * 65535, 0)}));
}

TEST(PatchBuilder, OtherPatchSizesAndSteps) {
  // 16 x 16 patches are looked up, 14 x 14 computed: both are the table's values.
  for (const int64_t side : {14, 16}) {
    for (const bool normalizes : {true, false}) {
      MediaConfig config;
      config.patch_size = side;
      config.do_normalize = normalizes;
      config.do_resize = false;
      const media::Image picture =
          test_picture(static_cast<int>(side) * 4, static_cast<int>(side) * 2);
      const Medium medium = build(config, MediaKind::kImage, {picture});
      const NormalizeTable table = make_normalize_table(config);
      const auto at = [&](int64_t patch, int c, int tau, int64_t y, int64_t x) {
        return medium.patches[(((patch * 3 + c) * 2 + tau) * side + y) * side + x];
      };
      for (int64_t patch = 0; patch < 8; ++patch) {
        const int64_t px = patch / 4 * 2 + patch % 2, py = patch / 2 % 2;
        for (int64_t y = 0; y < side; ++y) {
          for (int64_t x = 0; x < side; ++x) {
            const uint8_t* pixel =
                picture.pixel(static_cast<int>(px * side + x), static_cast<int>(py * side + y));
            for (int c = 0; c < 3; ++c) {
              ASSERT_EQ(at(patch, c, 0, y, x), table[c][pixel[c]]);
              ASSERT_EQ(at(patch, c, 1, y, x), table[c][pixel[c]]);
            }
          }
        }
      }
    }
  }
}

TEST(PatchBuilder, MaxPixelsLowersTheBudgetPerFrame) {
  const media::Image picture = test_picture(800, 600);
  const Medium small = build({}, MediaKind::kImage, {picture}, 100'000);
  EXPECT_LE(small.grid.h * small.grid.w * 196, 100'000);
  EXPECT_GT(small.grid.h * small.grid.w * 196, 60'000);
  EXPECT_EQ(build({}, MediaKind::kImage, {picture}, 1'000'000'000).grid,
            build({}, MediaKind::kImage, {picture}).grid);
  EXPECT_EQ(build({}, MediaKind::kImage, {picture}, 1).grid, (Grid{1, 2, 2}));
  const Medium video = build({}, MediaKind::kVideo, {picture, picture, picture, picture}, 100'000);
  EXPECT_EQ(video.grid, (Grid{2, small.grid.h, small.grid.w}));
}

TEST(PatchBuilder, OddVideosRepeatTheLastFrame) {
  const std::vector frames{test_picture(56, 56, 0), test_picture(56, 56, 1),
                           test_picture(56, 56, 2)};
  std::vector padded = frames;
  padded.push_back(frames.back());
  // Both have T = 4 after rounding, so the same target size.
  EXPECT_EQ(build({}, MediaKind::kVideo, frames).patches.size(),
            build({}, MediaKind::kVideo, padded).patches.size());
  MediaConfig config;
  config.do_resize = false;
  EXPECT_EQ(build(config, MediaKind::kVideo, frames).patches,
            build(config, MediaKind::kVideo, padded).patches);
}

TEST(PatchBuilder, BadInput) {
  const auto create = [](MediaKind kind, int64_t n, int64_t w, int64_t h, MediaConfig config = {},
                         int64_t max_pixels = 0) {
    return PatchBuilder::create(config, kind, n, w, h, max_pixels);
  };
  EXPECT_THAT(create(MediaKind::kImage, 1, 1, 65535).error().message, HasSubstr("1 x 65535"));
  EXPECT_THAT(create(MediaKind::kVideo, 1, 100, 100).error().message, HasSubstr("at least 2"));
  EXPECT_FALSE(create(MediaKind::kImage, 1, 100, 100, {}, -1));
  MediaConfig no_resize;
  no_resize.do_resize = false;
  EXPECT_THAT(create(MediaKind::kImage, 1, 100, 56, no_resize).error().message,
              HasSubstr("multiples of 28"));
  EXPECT_TRUE(create(MediaKind::kImage, 1, 112, 56, no_resize));
  MediaConfig huge;
  huge.max_pixels = int64_t{1} << 40;
  EXPECT_EQ(create(MediaKind::kImage, 1, 1'000'000, 1'000'000, huge).error().code,
            Code::kResourceExhausted);
  auto builder = create(MediaKind::kVideo, 2, 60, 60);
  ASSERT_TRUE(builder);
  EXPECT_TRUE(builder->add(test_picture(60, 60)));
  EXPECT_THAT(builder->add(test_picture(60, 61)).error().message, HasSubstr("one size"));
}

}  // namespace
}  // namespace glmv::processing
