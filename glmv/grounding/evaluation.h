#pragma once
// How many of the boxes that a dataset names are found: IoU >= 0.5 with a box of the answer.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/grounding/annotation.h"

namespace glmv::grounding {

struct UnitBox {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;  // 0-1000
};

struct TruthItem {
  std::string image;   // as the file names it, relative to the file's folder unless absolute
  std::string query;   // a category or a phrase
  bool whole = false;  // the query is the whole question
  std::vector<UnitBox> boxes;  // none: the answer shall have none
};

// COCO (an object with images, annotations and categories: an item for each picture and category in
// it) or JSON Lines with "image", "query" or "question" (which is the whole question), and "boxes"
// in 0-1000, or "boxes_px" with "width" and "height". Lines of other tasks (with a "verifier" that
// is not "iou") are left out. Errors name the line or field.
Result<std::vector<TruthItem>> read_truth(const std::filesystem::path& path);

// Intersection over union; 0 for boxes without area.
double iou(const UnitBox& a, const UnitBox& b);

struct EvalCounts {
  int64_t num_items = 0;
  int64_t num_right = 0;  // items with every box found and none too many
  int64_t num_truth = 0;  // boxes
  int64_t num_found = 0;  // of them, by a box of their own with IoU >= 0.5
  int64_t num_predicted = 0;
  double sum_iou = 0;  // of the best pairs, over all boxes of the truth

  double accuracy() const { return num_truth > 0 ? double(num_found) / double(num_truth) : 0; }
  double precision() const {
    return num_predicted > 0 ? double(num_found) / double(num_predicted) : 0;
  }
  double mean_iou() const { return num_truth > 0 ? sum_iou / double(num_truth) : 0; }
};

// Pairs boxes by falling IoU, each once, and adds the item up.
void count_item(std::span<const UnitBox> truth, std::span<const UnitBox> predicted,
                EvalCounts& counts);

std::vector<UnitBox> boxes_of(const Annotations& annotations);

Json to_json(const EvalCounts& counts);

}  // namespace glmv::grounding
