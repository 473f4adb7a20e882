#include "glmv/media/contact_sheet.h"

#include <gtest/gtest.h>

namespace glmv::media {
namespace {

Image flat(int width, int height, uint8_t value) {
  return {width, height, PixelBytes(static_cast<size_t>(width) * height * 3, value)};
}

TEST(ContactSheet, GridByAspect) {
  const SheetLayout wide = lay_out_sheet(16, 1920, 1080);
  EXPECT_EQ(wide.columns * wide.rows, 16);
  EXPECT_EQ(wide.cell_width, 320);
  EXPECT_EQ(wide.cell_height, 180);
  const SheetLayout tall = lay_out_sheet(16, 1080, 1920);
  EXPECT_GT(tall.columns, wide.columns);
  const SheetLayout one = lay_out_sheet(1, 64, 48);
  EXPECT_EQ(one.columns, 1);
  EXPECT_EQ(one.cell_width, 64) << "frames are not made larger";
}

TEST(ContactSheet, NeverTooLarge) {
  for (const size_t count : {1u, 2u, 7u, 100u, 600u, 5000u}) {
    for (const auto& [w, h] :
         {std::pair{1920, 1080}, {1080, 1920}, {4000, 10}, {10, 4000}, {1, 1}}) {
      const SheetLayout layout = lay_out_sheet(count, w, h);
      EXPECT_GE(size_t(layout.columns) * size_t(layout.rows), count);
      EXPECT_GE(layout.cell_width, 1);
      EXPECT_LE(layout.width(), 4200) << count << " " << w << "x" << h;
      EXPECT_LE(layout.height(), 40000) << count << " " << w << "x" << h;
    }
  }
}

TEST(ContactSheet, FramesStandInOrderWithTheirCaptions) {
  std::vector<Image> frames;
  std::vector<std::string> captions;
  for (int i = 0; i < 6; ++i) {
    frames.push_back(flat(160, 90, static_cast<uint8_t>(60 + 30 * i)));
    captions.push_back("0:0" + std::to_string(i));
  }
  const auto sheet = draw_contact_sheet(frames, captions);
  ASSERT_TRUE(sheet);
  const SheetLayout layout = lay_out_sheet(6, 160, 90);
  EXPECT_EQ(sheet->width, layout.width());
  for (int i = 0; i < 6; ++i) {
    const int x = layout.gap + i % layout.columns * (layout.cell_width + layout.gap);
    const int y = layout.gap + i / layout.columns * (layout.cell_height + layout.gap);
    EXPECT_EQ(sheet->pixel(x + layout.cell_width - 2, y + 2)[0], 60 + 30 * i) << i;
    EXPECT_NE(sheet->pixel(x + 1, y + layout.cell_height - 2)[0], 60 + 30 * i) << "caption " << i;
  }
}

TEST(ContactSheet, BadInput) {
  EXPECT_FALSE(draw_contact_sheet({}, {}));
  const std::vector<Image> frames = {flat(10, 10, 1), flat(11, 10, 1)};
  EXPECT_FALSE(draw_contact_sheet(frames, std::vector<std::string>{"a"}));
  EXPECT_FALSE(draw_contact_sheet(frames, std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace glmv::media
