// Answers recomputed from the scene, boxes recomputed from the pixels.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "glmv/synth/layout.h"
#include "glmv/synth/render.h"
#include "glmv/synth/tasks.h"
#include "glmv/synth/verify.h"

namespace glmv::synth {
namespace {

constexpr int kSamples = 250;

bool mentions(const std::string& text, const std::string& word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const size_t end = at + word.size();
    if ((at == 0 || !letter(text[at - 1])) && (end == text.size() || !letter(text[end]))) {
      return true;
    }
  }
  return false;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return text;
}

// The colour and shape that a question is about, read from its words.
struct Asked {
  std::optional<Color> color;
  std::optional<Shape> shape;
  bool matches(const ShapeItem& item) const {
    return (!color || item.color == *color) && (!shape || item.shape == *shape);
  }
};
Asked asked(const std::string& question) {
  const std::string text = lower(question);
  Asked found;
  for (int i = 0; i < kNumColors; ++i) {
    if (mentions(text, std::string(color_name(Color(i))))) found.color = Color(i);
  }
  for (int i = 0; i < kNumShapes; ++i) {
    const std::string name(shape_name(Shape(i)));
    if (mentions(text, name) || mentions(text, name + "s") || mentions(text, name + "es")) {
      found.shape = Shape(i);
    }
  }
  return found;
}

std::vector<ShapeItem> found(const QaSample& s) {
  const Asked what = asked(s.question);
  std::vector<ShapeItem> items;
  for (const ShapeItem& item : s.scene.shapes) {
    if (what.matches(item)) items.push_back(item);
  }
  return items;
}

template <class Visit>
void for_both(Task task, Visit visit) {
  for (Split split : {Split::kTrain, Split::kTest}) {
    for (int i = 0; i < kSamples; ++i) {
      const QaSample sample = make_sample(split, task, i);
      SCOPED_TRACE(sample.question + " -> " + sample.answer);
      visit(sample);
    }
  }
}

TEST(Answers, Count) {
  for_both(Task::kCount,
           [](const QaSample& s) { EXPECT_EQ(std::to_string(found(s).size()), s.answer); });
}

TEST(Answers, Attribute) {
  int checked = 0;
  for_both(Task::kAttribute, [&](const QaSample& s) {
    const std::string question = lower(s.question);
    const Asked what = asked(question);
    EXPECT_TRUE(s.think || what.color || !what.shape);
    if (!what.color && !what.shape) {  // largest, smallest
      const bool largest = mentions(question, "largest") || mentions(question, "biggest");
      const ShapeItem* best = &s.scene.shapes[0];
      for (const ShapeItem& item : s.scene.shapes) {
        if (largest ? item.extent > best->extent : item.extent < best->extent) best = &item;
      }
      EXPECT_EQ(item_name(*best), s.answer);
    } else if (what.color && what.shape) {  // size
      ASSERT_EQ(found(s).size(), 1u);
      EXPECT_EQ(size_name(found(s)[0].size()), s.answer);
      const double extent = found(s)[0].extent;
      EXPECT_TRUE(extent <= kSmallMax || (extent >= kMediumMin && extent <= kMediumMax) ||
                  extent >= kLargeMin);
    } else if (found(s).empty()) {
      EXPECT_EQ(s.answer, "none");
    } else {
      ASSERT_EQ(found(s).size(), 1u);
      const ShapeItem item = found(s)[0];
      EXPECT_EQ(what.shape ? color_name(item.color) : shape_name(item.shape), s.answer);
    }
    ++checked;
  });
  EXPECT_EQ(checked, 2 * kSamples);
}

TEST(Answers, GroundBoxesAreTheObjectsAsked) {
  for_both(Task::kGround, [](const QaSample& s) {
    const auto items = found(s);
    ASSERT_EQ(items.size(), s.boxes.size());
    if (items.empty()) {
      EXPECT_EQ(s.answer, "none");
      return;
    }
    for (size_t i = 0; i < items.size(); ++i) EXPECT_EQ(to_grid(items[i].box, s.scene), s.boxes[i]);
    EXPECT_EQ(parse_boxes(s.answer), s.boxes);
  });
}

TEST(Answers, Position) {
  int extremes = 0;
  int relations = 0;
  int quarters = 0;
  for_both(Task::kPosition, [&](const QaSample& s) {
    const std::string a = s.answer;
    const auto& items = s.scene.shapes;
    const auto named = [&](const std::string& name) {
      return *std::ranges::find_if(items, [&](const auto& i) { return item_name(i) == name; });
    };
    const std::string question = lower(s.question);
    if (a == "left" || a == "right" || a == "above" || a == "below") {
      // The object asked about is the one named first, unless the wording turns them round.
      std::vector<std::pair<size_t, std::string>> order;
      for (const auto& item : items) {
        const size_t at = question.find(item_name(item));
        if (at != std::string::npos) order.push_back({at, item_name(item)});
      }
      ASSERT_EQ(order.size(), 2u);
      std::ranges::sort(order);
      if (question.find("side of") != std::string::npos) std::swap(order[0], order[1]);
      const Box x = named(order[0].second).box;
      const Box y = named(order[1].second).box;
      if (a == "left") {
        EXPECT_LT(x.center_x(), y.center_x());
      }
      if (a == "right") {
        EXPECT_GT(x.center_x(), y.center_x());
      }
      if (a == "above") {
        EXPECT_LT(x.center_y(), y.center_y());
      }
      if (a == "below") {
        EXPECT_GT(x.center_y(), y.center_y());
      }
      ++relations;
    } else if (a.starts_with("top ") || a.starts_with("bottom ")) {
      ASSERT_EQ(found(s).size(), 1u);
      const Box box = found(s)[0].box;
      EXPECT_EQ(a.starts_with("top"), box.center_y() * 2 < s.scene.height);
      EXPECT_EQ(a.ends_with("left"), box.center_x() * 2 < s.scene.width);
      ++quarters;
    } else if (question.find("top left") != std::string::npos ||
               question.find("top right") != std::string::npos ||
               question.find("bottom left") != std::string::npos ||
               question.find("bottom right") != std::string::npos) {
      const bool top = question.find("top ") != std::string::npos;
      const bool left = mentions(question, "left");
      int inside = 0;
      for (const auto& item : items) {
        const bool is_in = (item.box.center_y() * 2 < s.scene.height) == top &&
                           (item.box.center_x() * 2 < s.scene.width) == left;
        inside += is_in;
        if (is_in) {
          EXPECT_EQ(item_name(item), a);
        }
      }
      EXPECT_EQ(inside, 1);
      ++quarters;
    } else {
      const auto any = [&](std::initializer_list<const char*> words) {
        return std::ranges::any_of(
            words, [&](const char* w) { return question.find(w) != std::string::npos; });
      };
      const Box mine = named(a).box;
      for (const auto& item : items) {
        if (item_name(item) == a) continue;
        if (any({"left"})) {
          EXPECT_LT(mine.x1, item.box.x1);
        } else if (any({"right"})) {
          EXPECT_GT(mine.x2, item.box.x2);
        } else if (any({"top", "highest", "uppermost"})) {
          EXPECT_LT(mine.y1, item.box.y1);
        } else if (any({"bottom", "lowest", "lowermost"})) {
          EXPECT_GT(mine.y2, item.box.y2);
        } else {
          ADD_FAILURE() << "no side in the question";
        }
      }
      ++extremes;
    }
  });
  EXPECT_GT(extremes, 100);
  EXPECT_GT(relations, 100);
  EXPECT_GT(quarters, 100);
}

TEST(Answers, ReadWordAndSumAreWhatIsDrawn) {
  for_both(Task::kRead, [](const QaSample& s) { EXPECT_EQ(s.scene.texts.at(0).text, s.answer); });
  for_both(Task::kWord, [](const QaSample& s) { EXPECT_EQ(s.scene.texts.at(0).text, s.answer); });
  for_both(Task::kSum, [](const QaSample& s) {
    int sum = 0;
    int numbers = 0;
    for (const TextItem& item : s.scene.texts) {
      const char* p = item.text.c_str();
      while (*p != 0) {
        if (*p < '0' || *p > '9') {
          ++p;
          continue;
        }
        char* end = nullptr;
        sum += static_cast<int>(std::strtol(p, &end, 10));
        ++numbers;
        p = end;
      }
    }
    EXPECT_EQ(numbers, 2);
    EXPECT_EQ(std::to_string(sum), s.answer);
  });
}

TEST(Answers, ClickBoxIsTheControlAsked) {
  int controls = 0;
  for_both(Task::kClick, [&](const QaSample& s) {
    ASSERT_EQ(s.boxes.size(), 1u);
    if (!s.scene.shapes.empty()) {
      ASSERT_EQ(found(s).size(), 1u);
      EXPECT_EQ(to_grid(found(s)[0].box, s.scene), s.boxes[0]);
      return;
    }
    ++controls;
    int hits = 0;
    int named = 0;
    for (const Widget& widget : s.scene.widgets) {
      const bool hit = to_grid(widget.box, s.scene) == s.boxes[0];
      hits += hit;
      const bool asked_for = widget.kind == WidgetKind::kClose
                                 ? mentions(lower(s.question), "close") ||
                                       mentions(lower(s.question), "closes") ||
                                       mentions(lower(s.question), "x")
                                 : mentions(lower(s.question), lower(widget.label));
      named += asked_for && hit;
    }
    EXPECT_EQ(hits, 1);
    EXPECT_EQ(named, 1);
  });
  EXPECT_GT(controls, kSamples * 3 / 4);
}

TEST(Answers, Chart) {
  for_both(Task::kChart, [](const QaSample& s) {
    const auto& bars = s.scene.bars;
    if (s.verifier == VerifierKind::kExact) {
      const auto bar = std::ranges::find(bars, s.answer, &Bar::label);
      ASSERT_NE(bar, bars.end());
      const std::string q = lower(s.question);
      const bool largest =
          q.find("largest") != q.npos || q.find("highest") != q.npos || q.find("tallest") != q.npos;
      for (const Bar& other : bars) {
        if (&other == &*bar) continue;
        EXPECT_EQ(largest, bar->value > other.value);
        EXPECT_EQ(largest, bar->box.height() > other.box.height());
      }
    } else {
      int named = 0;
      for (const Bar& bar : bars) {
        const bool by_label = mentions(lower(s.question), lower(bar.label)) &&
                              s.question.find(bar.label) != std::string::npos;
        const bool by_color = mentions(lower(s.question), std::string(color_name(bar.color)));
        if (!by_label && !by_color) continue;
        named += std::to_string(bar.value) == s.answer;
      }
      EXPECT_GE(named, 1);
    }
  });
}

TEST(Answers, LookupFollowsTheOrderAsked) {
  for_both(Task::kLookup, [](const QaSample& s) {
    const std::string question = lower(s.question);
    std::vector<std::pair<double, std::string>> expected;  // key to sort by, word
    const bool across = question.find("left to right") != question.npos;
    const bool down = question.find("top to bottom") != question.npos;
    for (const ShapeItem& item : s.scene.shapes) {
      const std::string shape(shape_name(item.shape));
      const std::string color(color_name(item.color));
      if (across || down) {
        expected.emplace_back(across ? item.box.center_x() : item.box.center_y(), item_name(item));
        continue;
      }
      const bool by_shape = mentions(question, shape);
      EXPECT_NE(by_shape, mentions(question, color));
      expected.emplace_back(question.find("the " + (by_shape ? shape : color)),
                            by_shape ? color : shape);
    }
    std::ranges::sort(expected);
    std::string text;
    for (const auto& [key, word] : expected) text += (text.empty() ? "" : ", ") + word;
    EXPECT_EQ(text, s.answer);
  });
}

TEST(Answers, ListIsInReadingOrder) {
  for_both(Task::kList, [](const QaSample& s) {
    std::string text;
    int last_row = 0;
    double last_x = -1;
    for (const ShapeItem& item : s.scene.shapes) {
      const int row = static_cast<int>(item.box.center_y()) / kRowHeight;
      ASSERT_GE(row, last_row);
      if (row > last_row) last_x = -1;
      EXPECT_GT(item.box.center_x(), last_x);
      last_row = row;
      last_x = item.box.center_x();
      text += (text.empty() ? "" : ", ") + item_name(item);
    }
    EXPECT_EQ(text, s.answer);
  });
}

// The box of one object must be the box of the pixels that change when it is left out.
TEST(Boxes, AreTightAroundThePixels) {
  for (Task task : {Task::kGround, Task::kDetect, Task::kRead}) {
    for (int i = 0; i < 80; ++i) {
      const QaSample s = make_sample(Split::kTrain, task, i);
      const media::Image full = render(s.scene, 0, {.degrade = false});
      const bool text = !s.scene.texts.empty();
      const size_t count = text ? s.scene.texts.size() : s.scene.shapes.size();
      for (size_t k = 0; k < count; ++k) {
        Scene without = s.scene;
        const Box box = text ? s.scene.texts[k].box : s.scene.shapes[k].box;
        if (text) {
          without.texts.erase(without.texts.begin() + k);
        } else {
          without.shapes.erase(without.shapes.begin() + k);
        }
        const media::Image rest = render(without, 0, {.degrade = false});
        int x1 = 1000, y1 = 1000, x2 = -1, y2 = -1;
        for (int y = 0; y < full.height; ++y) {
          for (int x = 0; x < full.width; ++x) {
            const uint8_t* p = full.pixel(x, y);
            const uint8_t* q = rest.pixel(x, y);
            if (std::abs(p[0] - q[0]) + std::abs(p[1] - q[1]) + std::abs(p[2] - q[2]) < 8) continue;
            x1 = std::min(x1, x);
            y1 = std::min(y1, y);
            x2 = std::max(x2, x + 1);
            y2 = std::max(y2, y + 1);
          }
        }
        SCOPED_TRACE(s.question);
        EXPECT_GE(box.x1, 0);
        EXPECT_GE(box.y1, 0);
        EXPECT_LE(box.x2, full.width);
        EXPECT_LE(box.y2, full.height);
        EXPECT_NEAR(box.x1, x1, 1.6);
        EXPECT_NEAR(box.y1, y1, 1.6);
        EXPECT_NEAR(box.x2, x2, 1.6);
        EXPECT_NEAR(box.y2, y2, 1.6);
      }
    }
  }
}

TEST(Boxes, ObjectsAreApartAndVisible) {
  for_both(Task::kCount, [](const QaSample& s) {
    for (size_t i = 0; i < s.scene.shapes.size(); ++i) {
      const ShapeItem& a = s.scene.shapes[i];
      EXPECT_GE(contrast(s.scene.background, a.rgb), 95);
      EXPECT_GE(std::max(a.box.width(), a.box.height()), 10);
      for (size_t j = 0; j < i; ++j) EXPECT_FALSE(overlaps(a.box, s.scene.shapes[j].box));
    }
  });
}

}  // namespace
}  // namespace glmv::synth
