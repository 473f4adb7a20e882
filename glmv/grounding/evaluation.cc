#include "glmv/grounding/evaluation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "glmv/base/files.h"
#include "glmv/base/json_lines.h"

namespace glmv::grounding {
namespace {

constexpr double kFoundIou = 0.5;

std::optional<std::array<double, 4>> four_numbers(const Json& value) {
  if (!value.is_array() || value.size() != 4) return std::nullopt;
  std::array<double, 4> out{};
  for (size_t i = 0; i < 4; ++i) {
    if (!value[i].is_number()) return std::nullopt;
    out[i] = value[i].get<double>();
    if (!std::isfinite(out[i])) return std::nullopt;
  }
  return out;
}

const Json* member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

Result<double> positive(const Json& object, const char* key, const std::string& where) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_number() || !(value->get<double>() > 0)) {
    return invalid_argument("{}: \"{}\" must be a number above 0", where, key);
  }
  return value->get<double>();
}

Result<std::string> text_member(const Json& object, const char* key, const std::string& where) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_string()) {
    return invalid_argument("{}: \"{}\" must be a string", where, key);
  }
  return value->get<std::string>();
}

Result<const Json*> list_member(const Json& object, const char* key, const std::string& where) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_array()) {
    return invalid_argument("{}: \"{}\" must be a list", where, key);
  }
  return value;
}

// An identifier as text: COCO allows numbers and strings.
std::string id_text(const Json& object, const char* key) {
  const Json* value = member(object, key);
  return value == nullptr ? std::string() : value->dump();
}

struct CocoImage {
  std::string name;
  double width = 0, height = 0;
};

Result<std::vector<TruthItem>> read_coco(const Json& json, const std::string& where) {
  std::map<std::string, CocoImage> images;
  std::map<std::string, std::string> categories;
  GLMV_ASSIGN(const Json* list, list_member(json, "images", where));
  for (const Json& one : *list) {
    if (!one.is_object()) return invalid_argument("{}: images must be objects", where);
    CocoImage image;
    GLMV_ASSIGN(image.name, text_member(one, "file_name", where + ": images"));
    GLMV_ASSIGN(image.width, positive(one, "width", where + ": " + image.name));
    GLMV_ASSIGN(image.height, positive(one, "height", where + ": " + image.name));
    images[id_text(one, "id")] = image;
  }
  GLMV_ASSIGN(list, list_member(json, "categories", where));
  for (const Json& one : *list) {
    if (!one.is_object()) return invalid_argument("{}: categories must be objects", where);
    GLMV_ASSIGN(categories[id_text(one, "id")], text_member(one, "name", where + ": categories"));
  }
  GLMV_ASSIGN(list, list_member(json, "annotations", where));
  std::map<std::pair<std::string, std::string>, size_t> places;
  std::vector<TruthItem> items;
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& one = (*list)[i];
    const std::string at = fmt::format("{}: annotations[{}]", where, i);
    if (!one.is_object()) return invalid_argument("{} must be an object", at);
    const auto image = images.find(id_text(one, "image_id"));
    const auto category = categories.find(id_text(one, "category_id"));
    if (image == images.end() || category == categories.end()) {
      return invalid_argument("{}: its image_id or category_id is not in the file", at);
    }
    const Json* bbox = member(one, "bbox");
    const auto v = bbox == nullptr ? std::nullopt : four_numbers(*bbox);
    if (!v) return invalid_argument("{}: \"bbox\" must be [x, y, width, height]", at);
    // Crowds are regions, not boxes of one thing.
    if (const Json* crowd = member(one, "iscrowd"); crowd != nullptr && *crowd == 1) continue;
    const auto [place, added] =
        places.emplace(std::pair(image->first, category->first), items.size());
    if (added) items.push_back({.image = image->second.name, .query = category->second});
    const double sx = 1000 / image->second.width, sy = 1000 / image->second.height;
    items[place->second].boxes.push_back(
        {(*v)[0] * sx, (*v)[1] * sy, ((*v)[0] + (*v)[2]) * sx, ((*v)[1] + (*v)[3]) * sy});
  }
  return items;
}

Result<TruthItem> read_line(const Json& json, const std::string& where) {
  if (!json.is_object()) return invalid_argument("{}: must be an object", where);
  TruthItem item;
  GLMV_ASSIGN(item.image, text_member(json, "image", where));
  item.whole = !json.contains("query");
  GLMV_ASSIGN(item.query, text_member(json, item.whole ? "question" : "query", where));
  const bool pixels = json.contains("boxes_px");
  const char* const key = pixels ? "boxes_px" : "boxes";
  if (!json.contains(key) && json.contains("verifier")) return item;
  GLMV_ASSIGN(const Json* list, list_member(json, key, where));
  double width = 1000, height = 1000;
  if (pixels) {
    GLMV_ASSIGN(width, positive(json, "width", where));
    GLMV_ASSIGN(height, positive(json, "height", where));
  }
  for (const Json& one : *list) {
    const auto v = four_numbers(one);
    if (!v) return invalid_argument("{}: \"{}\" must hold [x1, y1, x2, y2]", where, key);
    item.boxes.push_back({(*v)[0] * 1000 / width, (*v)[1] * 1000 / height, (*v)[2] * 1000 / width,
                          (*v)[3] * 1000 / height});
  }
  return item;
}

double area(const UnitBox& box) {
  return std::max(0.0, box.x2 - box.x1) * std::max(0.0, box.y2 - box.y1);
}

}  // namespace

Result<std::vector<TruthItem>> read_truth(const std::filesystem::path& path) {
  GLMV_ASSIGN(const std::string text, read_file(path));
  if (const auto whole = parse_json(text, path.string());
      whole && whole->is_object() && whole->contains("annotations")) {
    return read_coco(*whole, path.string());
  }
  std::vector<TruthItem> items;
  GLMV_RETURN_IF_ERROR(each_json_line(
      text, path.string(), [&](const Json& json, const std::string& where) -> Result<void> {
        if (json.is_object() && json.contains("verifier") && json["verifier"] != "iou") return {};
        GLMV_ASSIGN(TruthItem item, read_line(json, where));
        items.push_back(std::move(item));
        return {};
      }));
  if (items.empty()) return invalid_argument("{}: holds nothing to look for", path.string());
  return items;
}

double iou(const UnitBox& a, const UnitBox& b) {
  const UnitBox both{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2),
                     std::min(a.y2, b.y2)};
  const double shared = area(both), all = area(a) + area(b) - shared;
  return all > 0 ? shared / all : 0;
}

void count_item(std::span<const UnitBox> truth, std::span<const UnitBox> predicted,
                EvalCounts& counts) {
  std::vector<std::tuple<double, size_t, size_t>> pairs;
  for (size_t i = 0; i < truth.size(); ++i) {
    for (size_t k = 0; k < predicted.size(); ++k) {
      const double overlap = iou(truth[i], predicted[k]);
      if (overlap > 0) pairs.emplace_back(overlap, i, k);
    }
  }
  std::ranges::stable_sort(pairs, std::greater(), [](const auto& p) { return std::get<0>(p); });
  std::vector<bool> truth_taken(truth.size()), predicted_taken(predicted.size());
  size_t num_found = 0;
  for (const auto& [overlap, i, k] : pairs) {
    if (truth_taken[i] || predicted_taken[k]) continue;
    truth_taken[i] = predicted_taken[k] = true;
    counts.sum_iou += overlap;
    num_found += overlap >= kFoundIou ? 1 : 0;
  }
  ++counts.num_items;
  counts.num_truth += std::ssize(truth);
  counts.num_predicted += std::ssize(predicted);
  counts.num_found += static_cast<int64_t>(num_found);
  counts.num_right += num_found == truth.size() && predicted.size() == truth.size() ? 1 : 0;
}

std::vector<UnitBox> boxes_of(const Annotations& annotations) {
  std::vector<UnitBox> boxes;
  for (const Annotation& item : annotations.items) {
    if (item.kind != AnnotationKind::kBox || item.unit.size() != 2) continue;
    boxes.push_back({item.unit[0].x, item.unit[0].y, item.unit[1].x, item.unit[1].y});
  }
  return boxes;
}

Json to_json(const EvalCounts& counts) {
  return {{"items", counts.num_items},
          {"items_right", counts.num_right},
          {"boxes", counts.num_truth},
          {"boxes_found", counts.num_found},
          {"boxes_predicted", counts.num_predicted},
          {"accuracy", counts.accuracy()},
          {"precision", counts.precision()},
          {"mean_iou", counts.mean_iou()}};
}

}  // namespace glmv::grounding
