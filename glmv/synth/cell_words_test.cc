#include "glmv/synth/cell_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "glmv/synth/render.h"
#include "glmv/synth/tasks.h"

namespace glmv::synth {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

ShapeItem shape_at(Shape shape, Color color, double x, double y, double extent) {
  ShapeItem item;
  item.shape = shape;
  item.color = color;
  item.center_x = x;
  item.center_y = y;
  item.extent = extent;
  item.box = measure(item);
  return item;
}

TEST(CellWords, NameColourShapeAndEdges) {
  Scene scene;                                                         // 4 x 4 cells
  scene.shapes = {shape_at(Shape::kSquare, Color::kRed, 42, 14, 20)};  // in the second cell
  const auto cells = cell_words(scene);
  ASSERT_EQ(cells.size(), 16u);
  // x 32 to 52 and y 4 to 24 of 112 pixels, a step being 112 / 13.
  EXPECT_THAT(cells[1], UnorderedElementsAre(" red", " square", " d", " t", " A", " P", " one"));
  EXPECT_THAT(cells[0], ElementsAre(" none"));
  EXPECT_THAT(cells[15], ElementsAre(" none"));
}

TEST(CellWords, LargeObjectsFillCellsAndRimsSayNothing) {
  Scene scene;
  scene.shapes = {shape_at(Shape::kSquare, Color::kBlue, 40, 40, 64)};  // 8 to 72
  const auto cells = cell_words(scene);
  for (int cell : {0, 1, 4, 5}) EXPECT_THAT(cells[cell], Contains(" blue")) << cell;
  EXPECT_THAT(cells[10], IsEmpty());  // 16 x 16 of its 28 x 28 pixels
  EXPECT_THAT(cells[3], ElementsAre(" none"));
}

TEST(CellWords, CharactersStandWhereTheyAreDrawn) {
  Scene scene;
  TextItem text;
  text.text = "4 7";
  text.font_size = 30;
  text.x = 30;
  text.y = 54;
  text.box = measure(text);
  scene.texts = {text};
  const std::vector<Box> boxes = measure_characters(text);
  ASSERT_EQ(boxes.size(), 3u);
  EXPECT_NEAR(boxes[0].x1, text.box.x1, 0.5);
  EXPECT_NEAR(boxes[2].x2, text.box.x2, 0.5);
  EXPECT_LT(boxes[0].x2, boxes[2].x1);
  const auto cells = cell_words(scene);
  EXPECT_THAT(cells[5], Contains("4"));
  EXPECT_THAT(cells[6], Contains("7"));
}

TEST(CellWords, EveryShapeIsNamedSomewhere) {
  for (int i = 0; i < 200; ++i) {
    const QaSample sample = make_sample(Split::kTrain, Task::kCount, i);
    const auto cells = cell_words(sample.scene);
    EXPECT_EQ(cells.size(), size_t(sample.scene.width / 28) * (sample.scene.height / 28));
    for (const ShapeItem& item : sample.scene.shapes) {
      const std::string name = " " + std::string(shape_name(item.shape));
      int found = 0;
      for (const auto& cell : cells) found += std::ranges::find(cell, name) != cell.end();
      EXPECT_GE(found, 1) << item_name(item);
    }
  }
}

}  // namespace
}  // namespace glmv::synth
