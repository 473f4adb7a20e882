#include "glmv/media/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "glmv/media/decode.h"
#include "glmv/media/plot.h"
#include "glmv/media/png_writer.h"

namespace glmv::media {
namespace {

Image grey(int width, int height) {
  return {width, height, PixelBytes(static_cast<size_t>(width) * height * 3, 128)};
}

bool changed(const Image& image, int x, int y) {
  const uint8_t* p = image.pixel(x, y);
  return p[0] != 128 || p[1] != 128 || p[2] != 128;
}

int count_changed(const Image& image) {
  int count = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) count += changed(image, x, y);
  }
  return count;
}

TEST(DrawBoxes, LineWidthFollowsTheLongerSide) {
  EXPECT_EQ(box_line_width(100, 80), 2);
  EXPECT_EQ(box_line_width(749, 10), 2);
  EXPECT_EQ(box_line_width(10, 750), 3);
  EXPECT_EQ(box_line_width(4000, 3000), 16);
}

TEST(DrawBoxes, OutlineAndFillLieWhereTheBoxIs) {
  const auto out = draw_boxes(grey(100, 80), std::vector<LabeledBox>{{20, 30, 60, 70, ""}});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->width, 100);
  EXPECT_EQ(out->height, 80);
  EXPECT_EQ(count_changed(*out), 40 * 40);
  EXPECT_TRUE(changed(*out, 20, 30));
  EXPECT_TRUE(changed(*out, 59, 69));
  EXPECT_FALSE(changed(*out, 19, 30));
  EXPECT_FALSE(changed(*out, 60, 69));
  // The outline is opaque, the fill light: 0.15 of the colour.
  const Color color = label_color("");
  EXPECT_NEAR(out->pixel(21, 50)[0], color.r * 255, 1);
  EXPECT_NEAR(out->pixel(40, 50)[0], 128 * 0.85 + color.r * 255 * 0.15, 2);
}

TEST(DrawBoxes, CornersInAnyOrderAndPartsOutsideAreCut) {
  const auto a = draw_boxes(grey(50, 50), std::vector<LabeledBox>{{10, 40, 30, 5, "x"}});
  const auto b = draw_boxes(grey(50, 50), std::vector<LabeledBox>{{30, 5, 10, 40, "x"}});
  EXPECT_EQ(a->data, b->data);
  const auto cut = draw_boxes(grey(50, 50), std::vector<LabeledBox>{{-1e9, -10, 1e9, 1000, ""}});
  EXPECT_EQ(count_changed(*cut), 50 * 50);
  const auto outside = draw_boxes(grey(50, 50), std::vector<LabeledBox>{{60, 60, 90, 90, "far"}});
  EXPECT_EQ(count_changed(*outside), 0);
}

TEST(DrawBoxes, ChipsStayOnThePicture) {
  for (const LabeledBox& box :
       {LabeledBox{0, 0, 100, 100, "top"}, LabeledBox{380, 250, 400, 300, "a longer label"},
        LabeledBox{0, 295, 5, 300, "bottom"}}) {
    const auto with = draw_boxes(grey(400, 300), std::vector{box});
    LabeledBox silent = box;
    silent.label.clear();
    ASSERT_TRUE(with);
    EXPECT_GT(count_changed(*with), 200) << box.label;
    // Text: both the chip's colour and its contrast colour occur.
    const Color color = label_color(box.label);
    const Color text = contrast_color(color);
    bool chip = false, letters = false;
    for (size_t i = 0; i < with->data.size(); i += 3) {
      chip |= std::abs(with->data[i] - color.r * 255) < 2 &&
              std::abs(with->data[i + 1] - color.g * 255) < 2;
      letters |= std::abs(with->data[i] - text.r * 255) < 30 &&
                 std::abs(with->data[i + 1] - text.g * 255) < 30 &&
                 std::abs(with->data[i + 2] - text.b * 255) < 30;
    }
    EXPECT_TRUE(chip && letters) << box.label;
  }
}

TEST(DrawBoxes, HostileLabelsAndCoordinates) {
  const std::vector<LabeledBox> boxes = {{1, 1, 9, 9, std::string(100000, 'w')},
                                         {1, 1, 9, 9, "\xff\xfe\x80"},
                                         {1, 1, 9, 9, std::string("a\0b\n", 4)},
                                         {1, 1, 9, 9, "\xe7\xba\xa2\xe8\x89\xb2"},
                                         {5, 5, 5, 5, "point"}};
  EXPECT_TRUE(draw_boxes(grey(40, 40), boxes));
  EXPECT_TRUE(draw_boxes(grey(1, 1), boxes));
  for (double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const auto out = draw_boxes(grey(10, 10), std::vector<LabeledBox>{{bad, 0, 1, 1, ""}});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(draw_boxes(grey(40000, 1), {}).error().code, Code::kUnsupported);
}

TEST(DrawBoxes, LabelColoursAreStableAndApart) {
  const Color a = label_color("cat"), again = label_color("cat"), b = label_color("dog");
  EXPECT_EQ(a.r, again.r);
  EXPECT_GT(std::abs(a.r - b.r) + std::abs(a.g - b.g) + std::abs(a.b - b.b), 0.2);
  EXPECT_EQ(contrast_color({1, 1, 0}).r, 0.0);
  EXPECT_EQ(contrast_color({0, 0, 0.6}).r, 1.0);
}

TEST(PngWriter, RoundTrip) {
  Image image = grey(13, 7);
  for (size_t i = 0; i < image.data.size(); ++i) image.data[i] = static_cast<uint8_t>(i * 37);
  const auto png = encode_png(image);
  ASSERT_TRUE(png);
  EXPECT_EQ(decode_image(*png, "x")->image.data, image.data);
  EXPECT_FALSE(write_png("/no/such/folder/x.png", image));
}

TEST(Plot, SmoothingWeightsGrowWithTheNumberOfValues) {
  EXPECT_TRUE(smoothed({}).empty());
  const double weight = 1.8 * (1.0 / (1.0 + std::exp(-0.15)) - 0.5);
  const auto values = smoothed({1.0, 2.0, 4.0});
  EXPECT_DOUBLE_EQ(values[0], 1.0);
  EXPECT_DOUBLE_EQ(values[1], weight + 2.0 * (1 - weight));
  EXPECT_DOUBLE_EQ(values[2], values[1] * weight + 4.0 * (1 - weight));
  const auto gap = smoothed({1.0, std::nan(""), 1.0});
  EXPECT_TRUE(std::isnan(gap[1]));
  EXPECT_DOUBLE_EQ(gap[2], 1.0);
}

TEST(Plot, TicksAreRoundNumbersInsideTheRange) {
  const auto near = [](std::vector<double> expected) {
    return testing::Pointwise(testing::DoubleNear(1e-9), expected);
  };
  EXPECT_THAT(tick_positions(0, 10, 5), near({0, 2, 4, 6, 8, 10}));
  EXPECT_THAT(tick_positions(0.13, 0.92, 5), near({0.2, 0.4, 0.6, 0.8}));
  EXPECT_THAT(tick_positions(-30, 70, 2), near({0, 50}));
  EXPECT_TRUE(tick_positions(1, 1, 5).empty());
  EXPECT_TRUE(tick_positions(0, std::numeric_limits<double>::infinity(), 5).empty());
}

TEST(Plot, DrawsCurvesAxesAndLegend) {
  Plot plot{"Training loss", "step", "loss", {{"loss", {}, {}, true}}};
  const auto empty = draw_plot(plot);
  ASSERT_TRUE(empty);
  for (int i = 0; i < 200; ++i) {
    plot.series[0].x.push_back(i);
    plot.series[0].y.push_back(4.0 * std::exp(-i / 50.0) + (i % 7) * 0.05);
  }
  plot.series[0].y[20] = std::nan("");
  const auto out = draw_plot(plot);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->width, 960);
  EXPECT_EQ(out->height, 600);
  int blue = 0;
  for (size_t i = 0; i < out->data.size(); i += 3) {
    blue += out->data[i] == 0 && out->data[i + 1] == 114 && out->data[i + 2] == 178;
  }
  EXPECT_GT(blue, 500);
  EXPECT_NE(out->data, empty->data);
}

TEST(Plot, TheLegendStandsOffTheCurves) {
  // A line up to the corner at the right and top, where a legend would cover it.
  Plot plot{"Rising", "x", "y", {{"a series with a name of some length", {0, 1}, {0, 1}, false}}};
  const auto corner_pixels = [&plot] {
    const auto out = draw_plot(plot);
    EXPECT_TRUE(out);
    int blue = 0;
    for (int y = 0; y < out->height / 3; ++y) {
      for (int x = out->width * 3 / 4; x < out->width; ++x) {
        const uint8_t* pixel = &out->data[(static_cast<size_t>(y) * out->width + x) * 3];
        blue += pixel[0] == 0 && pixel[1] == 114 && pixel[2] == 178;
      }
    }
    return blue;
  };
  const int named = corner_pixels();
  plot.series[0].name = "";
  EXPECT_GT(named, 100);
  EXPECT_EQ(named, corner_pixels());
}

TEST(Plot, BadInput) {
  Plot plot{"", "", "", {{"loss", {1, 2}, {1}, true}}};
  EXPECT_EQ(draw_plot(plot).error().code, Code::kInvalidArgument);
  plot.series.clear();
  plot.width = 10;
  EXPECT_EQ(draw_plot(plot).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace glmv::media
