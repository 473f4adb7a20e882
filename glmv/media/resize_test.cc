#include "glmv/media/resize.h"

#include <gtest/gtest.h>

#include <numeric>

#include "glmv/base/random.h"
#include "glmv/media/test_digest.h"

namespace glmv::media {
namespace {

Image test_picture(int width, int height) {
  Image image{width, height, PixelBytes(static_cast<size_t>(width) * height * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixel(x, y)[c] = static_cast<uint8_t>((7 * x + 13 * y + 31 * c + (x * y) % 17) % 256);
      }
    }
  }
  return image;
}

Image noise(int width, int height, uint64_t seed) {
  Random random(seed);
  Image image{width, height, PixelBytes(static_cast<size_t>(width) * height * 3)};
  for (uint8_t& value : image.data) value = static_cast<uint8_t>(random.below(256));
  return image;
}

int64_t sum_of(const Image& image) {
  return std::accumulate(image.data.begin(), image.data.end(), int64_t{0});
}

std::vector<int> channel_run(const Image& image, int x, int y, int count, int channel) {
  std::vector<int> values;
  for (int i = 0; i < count; ++i) values.push_back(image.pixel(x + i, y)[channel]);
  return values;
}

// The rules written down plainly, without padding, rings or vector code.
Image plain_resize(const Image& image, int width, int height) {
  const auto pass = [](const Image& in, int out_w, int out_h, bool horizontal) {
    const AxisWeights axis =
        horizontal ? bicubic_weights(in.width, out_w, 1) : bicubic_weights(in.height, out_h, 1);
    Image out{out_w, out_h, PixelBytes(static_cast<size_t>(out_w) * out_h * 3)};
    for (int y = 0; y < out_h; ++y) {
      for (int x = 0; x < out_w; ++x) {
        for (int c = 0; c < 3; ++c) {
          const int i = horizontal ? x : y;
          int64_t sum = int64_t{1} << (axis.precision - 1);
          for (int k = 0; k < axis.num_taps; ++k) {
            const int j = axis.starts[i] + k;
            sum += int64_t{axis.weights[static_cast<size_t>(i) * axis.num_taps + k]} *
                   (horizontal ? in.pixel(j, y) : in.pixel(x, j))[c];
          }
          out.pixel(x, y)[c] =
              static_cast<uint8_t>(std::clamp<int64_t>(sum >> axis.precision, 0, 255));
        }
      }
    }
    return out;
  };
  Image result = image;
  if (width != image.width) result = pass(result, width, result.height, true);
  if (height != image.height) result = pass(result, width, height, false);
  return result;
}

TEST(Resize, UpscaleVector) {
  const Image out = resize_bicubic(test_picture(85, 60), 112, 84);
  EXPECT_EQ(sum_of(out), 3602720);
  EXPECT_EQ(channel_run(out, 0, 0, 6, 0), (std::vector{0, 3, 9, 14, 19, 25}));
  EXPECT_EQ(channel_run(out, 0, 0, 6, 1), (std::vector{30, 34, 40, 45, 50, 56}));
  EXPECT_EQ(channel_run(out, 0, 0, 6, 2), (std::vector{61, 65, 71, 76, 81, 87}));
  EXPECT_EQ(channel_run(out, 50, 40, 8, 0), (std::vector{135, 135, 139, 149, 157, 157, 162, 170}));
  EXPECT_EQ(sha256_hex(out.data),
            "a2fe8a045be112e164b2ad56e54209cb8aa6dd881d85287f0a9c76d950c765f2");
}

TEST(Resize, DownscaleVector) {
  const Image out = resize_bicubic(test_picture(300, 200), 168, 112);
  EXPECT_EQ(sum_of(out), 7197890);
  EXPECT_EQ(channel_run(out, 0, 0, 6, 0), (std::vector{9, 21, 35, 48, 62, 74}));
  EXPECT_EQ(channel_run(out, 50, 50, 8, 0), (std::vector{54, 24, 30, 47, 61, 71, 86, 92}));
  EXPECT_EQ(sha256_hex(out.data),
            "c80165512f447e892efd5dd3cca403290bd2eba24dce7b967ff2ce1d63fda672");
}

TEST(Resize, VectorCodeEqualsThePlainRules) {
  const int sizes[][4] = {
      {1, 1, 28, 28},    {2, 3, 28, 56},    {3, 2, 1, 1},      {5, 7, 28, 28},
      {6, 50, 28, 28},   {50, 6, 28, 28},   {64, 48, 64, 28},  {64, 48, 28, 48},
      {101, 33, 56, 84}, {17, 400, 28, 28}, {400, 17, 28, 28}, {33, 21, 33, 21},
      {1, 300, 28, 56},  {90, 70, 89, 71},  {4, 4, 3, 5},      {255, 3, 28, 28}};
  uint64_t seed = 1;
  for (const auto& [w, h, out_w, out_h] : sizes) {
    SCOPED_TRACE(testing::Message() << w << "x" << h << " -> " << out_w << "x" << out_h);
    const Image in = noise(w, h, seed++);
    EXPECT_EQ(resize_bicubic(in, out_w, out_h).data, plain_resize(in, out_w, out_h).data);
  }
}

TEST(Resize, RowsCanBeSharedOut) {
  const Image in = noise(120, 90, 9);
  const Image whole = resize_bicubic(in, 84, 56);
  const BicubicResizer resizer(120, 90, 84, 56);
  for (const auto& [begin, end] : {std::pair{0, 13}, std::pair{13, 55}, std::pair{55, 56}}) {
    std::vector<uint8_t> rows((end - begin) * 84 * 3);
    RowResizer(resizer, in).rows(begin, end, rows.data());
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), whole.pixel(0, begin)));
  }
  // One after the other, with and without gaps, from no more rows than are said to be needed.
  RowResizer in_turn(resizer, in);
  for (const auto& [begin, end] :
       {std::pair{0, 7}, std::pair{7, 8}, std::pair{20, 40}, std::pair{41, 56}}) {
    const int needed = resizer.input_rows(end);
    EXPECT_EQ(needed == 90, end == 56);
    Image part = in;
    std::fill(part.data.begin() + static_cast<ptrdiff_t>(needed) * 120 * 3, part.data.end(), 0);
    std::vector<uint8_t> rows((end - begin) * 84 * 3), from_part(rows.size());
    in_turn.rows(begin, end, rows.data());
    RowResizer(resizer, part).rows(begin, end, from_part.data());
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), whole.pixel(0, begin))) << begin;
    EXPECT_EQ(rows, from_part) << begin;
  }
}

TEST(Resize, ConstantPicturesStayConstant) {
  for (int value : {0, 1, 128, 255}) {
    const Image in{37, 53, PixelBytes(37 * 53 * 3, static_cast<uint8_t>(value))};
    for (const auto& [w, h] : {std::pair{28, 28}, std::pair{84, 112}}) {
      for (uint8_t v : resize_bicubic(in, w, h).data) ASSERT_EQ(v, value);
    }
  }
}

}  // namespace
}  // namespace glmv::media
