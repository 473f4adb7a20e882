#include "glmv/grounding/annotation_json.h"

#include <cmath>

#include "glmv/base/utf8.h"

namespace glmv::grounding {
namespace {

Json pairs(const std::vector<Vec2>& points) {
  Json out = Json::array();
  for (const Vec2& p : points) out.push_back({number_json(p.x), number_json(p.y)});
  return out;
}

Json box_json(const Annotation& item) {
  Json out{{"box", flat_json(item.unit)}};
  if (!item.pixels.empty()) out["px"] = flat_json(item.pixels);
  out["label"] = repair_utf8(item.label);
  out["reordered"] = item.reordered;
  out["clamped"] = item.clamped;
  if (item.degenerate) out["degenerate"] = true;
  return out;
}

Json space_json(const Annotation& item) {
  Json numbers = Json::array();
  for (const auto& part : {item.space->center, item.space->sizes, item.space->angles}) {
    for (const double v : part) numbers.push_back(v);
  }
  Json out{{"bbox_3d", std::move(numbers)}, {"label", repair_utf8(item.label)}};
  if (item.pixels.empty()) return out;
  Json edges = Json::array();
  for (size_t i = 0; i + 1 < item.pixels.size(); i += 2) {
    edges.push_back(flat_json({item.pixels[i], item.pixels[i + 1]}));
  }
  out["px_edges"] = std::move(edges);
  return out;
}

}  // namespace

Json number_json(double value) {
  const double rounded = std::round(value * 100) / 100;
  if (rounded == std::floor(rounded) && std::abs(rounded) < 1e15) {
    return static_cast<int64_t>(rounded);
  }
  return rounded;
}

Json flat_json(const std::vector<Vec2>& points) {
  Json out = Json::array();
  for (const Vec2& p : points) {
    out.push_back(number_json(p.x));
    out.push_back(number_json(p.y));
  }
  return out;
}

Json to_json(const Annotations& annotations) {
  Json out = Json::object();
  if (!annotations.image.empty()) out["image"] = repair_utf8(annotations.image);
  if (annotations.page > 0) out["page"] = annotations.page;
  if (annotations.width > 0 && annotations.height > 0) {
    out["width"] = annotations.width;
    out["height"] = annotations.height;
  }
  if (!annotations.query.empty()) out["query"] = repair_utf8(annotations.query);
  for (const char* key : {"boxes", "points", "polygons", "boxes_3d"}) out[key] = Json::array();
  for (const Annotation& item : annotations.items) {
    if (item.kind == AnnotationKind::kBox) {
      out["boxes"].push_back(box_json(item));
    } else if (item.kind == AnnotationKind::kBox3d) {
      out["boxes_3d"].push_back(space_json(item));
    } else {
      const bool point = item.kind == AnnotationKind::kPoint;
      Json one{{point ? "point" : "polygon", point ? flat_json(item.unit) : pairs(item.unit)}};
      if (!item.pixels.empty()) one["px"] = point ? flat_json(item.pixels) : pairs(item.pixels);
      one["label"] = repair_utf8(item.label);
      one["clamped"] = item.clamped;
      out[point ? "points" : "polygons"].push_back(std::move(one));
    }
  }
  out["rejected"] = Json::array();
  for (const std::string& text : annotations.rejected) out["rejected"].push_back(repair_utf8(text));
  out["raw_text"] = repair_utf8(annotations.raw_text);
  return out;
}

Result<Annotations> annotations_from_json(const Json& json) {
  const auto bad = [](const char* what) {
    return invalid_argument("no line of glmv ground: {} is missing or of another type", what);
  };
  if (!json.is_object()) return bad("the object");
  Annotations out;
  const auto text = [&](const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  out.image = text("image");
  out.query = text("query");
  out.raw_text = text("raw_text");
  const auto boxes = json.find("boxes");
  if (boxes == json.end() || !boxes->is_array()) return bad("boxes");
  for (const Json& one : *boxes) {
    const auto box = one.is_object() ? one.find("box") : one.end();
    if (!one.is_object() || box == one.end() || !box->is_array() || box->size() != 4) {
      return bad("boxes[].box");
    }
    for (const Json& v : *box) {
      if (!v.is_number()) return bad("boxes[].box");
    }
    const auto number = [&](size_t i) { return (*box)[i].get<double>(); };
    Annotation item{.unit = {{number(0), number(1)}, {number(2), number(3)}}};
    if (one.contains("label") && one["label"].is_string()) item.label = one["label"];
    out.items.push_back(std::move(item));
  }
  return out;
}

}  // namespace glmv::grounding
