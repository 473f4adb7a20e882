#include "glmv/grounding/export.h"

#include <cmath>
#include <map>

#include "glmv/base/utf8.h"
#include "glmv/grounding/annotation_json.h"
#include "glmv/media/draw.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/svg_writer.h"

namespace glmv::grounding {
namespace {

constexpr char kUnnamed[] = "object";

std::string category_of(const Annotation& item) {
  return item.labelled && !item.label.empty() ? repair_utf8(item.label) : kUnnamed;
}

double area_of(const std::vector<Vec2>& polygon) {
  double twice = 0;
  for (size_t i = 0; i < polygon.size(); ++i) {
    const Vec2 &a = polygon[i], &b = polygon[(i + 1) % polygon.size()];
    twice += a.x * b.y - b.x * a.y;
  }
  return std::abs(twice) / 2;
}

// The item as it lies on the picture; nothing of it there: false.
bool visible_part(const Annotation& item, const Annotations& picture, media::Shape& shape) {
  Annotations one;
  one.items = {item};
  const std::vector<media::Shape> shapes = shapes_of(one);
  if (shapes.empty()) return false;
  const auto clipped =
      media::clip_shapes(shapes, static_cast<int>(picture.width), static_cast<int>(picture.height));
  if (!clipped || clipped->empty()) return false;
  shape = clipped->front();
  return true;
}

Json coco_annotation(const Annotation& item, const media::Shape& shape) {
  const media::Rect r = media::bounds_of(shape);
  Json out{
      {"bbox",
       {number_json(r.x1), number_json(r.y1), number_json(r.x2 - r.x1), number_json(r.y2 - r.y1)}},
      {"area", number_json((r.x2 - r.x1) * (r.y2 - r.y1))},
      {"iscrowd", 0},
      {"segmentation", Json::array()}};
  if (item.kind == AnnotationKind::kPolygon) {
    out["segmentation"].push_back(flat_json(shape.points));
    out["area"] = number_json(area_of(shape.points));
  } else if (item.kind == AnnotationKind::kPoint) {
    out["keypoints"] = {number_json(r.x1), number_json(r.y1), 2};
    out["num_keypoints"] = 1;
  } else if (item.kind == AnnotationKind::kBox) {
    out["segmentation"].push_back(
        flat_json({{r.x1, r.y1}, {r.x2, r.y1}, {r.x2, r.y2}, {r.x1, r.y2}}));
  }
  if (item.space) {
    Json numbers = Json::array();
    for (const auto& part : {item.space->center, item.space->sizes, item.space->angles}) {
      for (const double v : part) numbers.push_back(v);
    }
    out["bbox_3d"] = std::move(numbers);
  }
  if (!item.unit.empty()) out["thousandths"] = flat_json(item.unit);
  return out;
}

Json labelme_shape(const std::string& label, const char* type, const std::vector<Vec2>& points,
                   const std::string& description) {
  Json list = Json::array();
  for (const Vec2& p : points) list.push_back({p.x, p.y});
  return {{"label", label},      {"points", std::move(list)},
          {"group_id", nullptr}, {"description", description},
          {"shape_type", type},  {"flags", Json::object()},
          {"mask", nullptr}};
}

}  // namespace

Json coco_json(std::span<const Annotations> pictures) {
  Json images = Json::array(), annotations = Json::array(), categories = Json::array();
  std::map<std::string, int> ids;
  for (const Annotations& picture : pictures) {
    const size_t image_id = images.size() + 1;
    images.push_back({{"id", image_id},
                      {"file_name", repair_utf8(picture.image)},
                      {"width", picture.width},
                      {"height", picture.height},
                      {"query", repair_utf8(picture.query)},
                      {"raw_text", repair_utf8(picture.raw_text)}});
    for (const Annotation& item : picture.items) {
      media::Shape shape;
      if (!visible_part(item, picture, shape)) continue;
      const std::string name = category_of(item);
      const auto [it, added] = ids.emplace(name, static_cast<int>(ids.size()) + 1);
      if (added) {
        categories.push_back({{"id", it->second}, {"name", name}, {"supercategory", ""}});
      }
      if (item.kind == AnnotationKind::kPoint) {
        Json& category = categories[static_cast<size_t>(it->second - 1)];
        category["keypoints"] = {"point"};
        category["skeleton"] = Json::array();
      }
      Json one{{"id", annotations.size() + 1}, {"image_id", image_id}, {"category_id", it->second}};
      one.update(coco_annotation(item, shape));
      annotations.push_back(std::move(one));
    }
  }
  return {{"info", {{"description", "glmv ground"}, {"version", "1"}}},
          {"licenses", Json::array()},
          {"images", std::move(images)},
          {"annotations", std::move(annotations)},
          {"categories", std::move(categories)}};
}

Json labelme_json(const Annotations& annotations, const std::string& image_path) {
  Json shapes = Json::array();
  size_t num_groups = 0;
  for (const Annotation& item : annotations.items) {
    media::Shape shape;
    if (!visible_part(item, annotations, shape)) continue;
    const std::string label = category_of(item);
    const std::string description =
        item.unit.empty() ? "" : "0-1000: " + flat_json(item.unit).dump();
    if (item.kind == AnnotationKind::kBox3d) {
      // A line for each edge, kept together by a group.
      const size_t group = ++num_groups;
      for (size_t i = 0; i + 1 < shape.points.size(); i += 2) {
        shapes.push_back(
            labelme_shape(label, "line", {shape.points[i], shape.points[i + 1]}, description));
        shapes.back()["group_id"] = group;
      }
      continue;
    }
    const char* type = item.kind == AnnotationKind::kBox     ? "rectangle"
                       : item.kind == AnnotationKind::kPoint ? "point"
                                                             : "polygon";
    shapes.push_back(labelme_shape(label, type, shape.points, description));
  }
  return {{"version", "5.5.0"},
          {"flags", Json::object()},
          {"shapes", std::move(shapes)},
          {"imagePath", repair_utf8(image_path)},
          {"imageData", nullptr},
          {"imageHeight", annotations.height},
          {"imageWidth", annotations.width},
          {"query", repair_utf8(annotations.query)},
          {"rawText", repair_utf8(annotations.raw_text)}};
}

Result<std::string> svg_file(const Annotations& annotations, const std::string& href) {
  return media::svg_of_shapes({.width = static_cast<int>(annotations.width),
                               .height = static_cast<int>(annotations.height),
                               .href = href,
                               .metadata = to_json(annotations).dump()},
                              shapes_of(annotations));
}

Result<std::string> annotated_png(const Annotations& annotations, const media::Image& image) {
  GLMV_ASSIGN(const media::Image drawn, media::draw_shapes(image, shapes_of(annotations)));
  GLMV_ASSIGN(std::string png, media::encode_png(drawn));
  return media::with_png_text(std::move(png), kPngKeyword, to_json(annotations).dump());
}

}  // namespace glmv::grounding
