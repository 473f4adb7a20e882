#include "glmv/grounding/crops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "glmv/grounding/annotation_json.h"
#include "glmv/grounding/export.h"
#include "glmv/media/png_writer.h"

namespace glmv::grounding {
namespace {

constexpr size_t kMaxWordBytes = 40;

media::Image cut_out(const media::Image& image, int x, int y, int width, int height) {
  media::Image out{width, height, media::PixelBytes(static_cast<size_t>(width) * height * 3)};
  for (int row = 0; row < height; ++row) {
    std::memcpy(out.pixel(0, row), image.pixel(x, y + row), static_cast<size_t>(width) * 3);
  }
  return out;
}

}  // namespace

std::vector<Crop> crop_annotations(const Annotations& annotations, const media::Image& image,
                                   double pad) {
  std::vector<Crop> crops;
  const double pad_x = pad / 1000 * image.width, pad_y = pad / 1000 * image.height;
  for (size_t i = 0; i < annotations.items.size(); ++i) {
    Annotations one;
    one.items = {annotations.items[i]};
    const std::vector<media::Shape> shapes = shapes_of(one);
    if (shapes.empty() || shapes[0].kind == media::ShapeKind::kPoint) continue;
    const auto visible = media::clip_shapes(shapes, image.width, image.height);
    if (!visible || visible->empty()) continue;
    const media::Rect r = media::bounds_of(visible->front());
    if (r.x1 >= r.x2 || r.y1 >= r.y2) continue;
    const int x1 = std::max(0, static_cast<int>(std::floor(r.x1 - pad_x)));
    const int y1 = std::max(0, static_cast<int>(std::floor(r.y1 - pad_y)));
    const int x2 = std::min(image.width, static_cast<int>(std::ceil(r.x2 + pad_x)));
    const int y2 = std::min(image.height, static_cast<int>(std::ceil(r.y2 + pad_y)));
    crops.push_back({i, cut_out(image, x1, y1, x2 - x1, y2 - y1), x1, y1});
  }
  return crops;
}

Json crop_json(const Annotations& annotations, const Crop& crop) {
  Annotations one = annotations;
  one.items = {annotations.items[crop.item]};
  Json json = to_json(one);
  const Vec2 first{double(crop.x), double(crop.y)};
  const Vec2 last{double(crop.x + crop.image.width), double(crop.y + crop.image.height)};
  const auto unit = [&](const Vec2& p) {
    return Vec2{p.x / double(annotations.width) * 1000, p.y / double(annotations.height) * 1000};
  };
  json["crop"] = {{"box", flat_json({unit(first), unit(last)})}, {"px", flat_json({first, last})}};
  return json;
}

Result<std::string> crop_png(const Annotations& annotations, const Crop& crop) {
  GLMV_ASSIGN(std::string png, media::encode_png(crop.image));
  return media::with_png_text(std::move(png), kPngKeyword, crop_json(annotations, crop).dump());
}

std::string file_word(const std::string& label) {
  std::string word;
  for (const char c : label) {
    if (word.size() >= kMaxWordBytes) break;
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_';
    if (plain) {
      word += c;
    } else if (!word.empty() && word.back() != '_') {
      word += '_';
    }
  }
  while (!word.empty() && word.back() == '_') word.pop_back();
  return word;
}

}  // namespace glmv::grounding
