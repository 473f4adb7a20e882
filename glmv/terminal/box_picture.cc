#include "glmv/terminal/box_picture.h"

#include <algorithm>

#include "glmv/base/texts.h"
#include "glmv/media/draw.h"
#include "glmv/media/pixels.h"
#include "glmv/parsers/boxes.h"

namespace glmv::terminal {
namespace {

// Pages of documents are decoded already.
Result<media::Image> load(const text::ContentPart& picture, media::PictureDecoder* decoder) {
  if (!picture.pixels.empty()) return media::image_of(picture.pixels[0]);
  GLMV_ASSIGN(media::DecodedImage decoded, media::load_image(picture.source, decoder));
  return std::move(decoded.image);
}

media::LabeledBox around(double x, double y, const std::string& label, const media::Image& image) {
  const double half = 2.0 * media::box_line_width(image.width, image.height);
  return {x - half, y - half, x + half, y + half, label};
}

}  // namespace

Result<media::Image> picture_with_boxes(const api::ChatReply& reply,
                                        const std::vector<text::ContentPart>& pictures,
                                        media::PictureDecoder* decoder) {
  if (pictures.empty()) return invalid_argument("{}", tr("there is no picture to draw on"));
  const bool given = !reply.boxes.empty() || !reply.points.empty();
  size_t index = pictures.size() - 1;
  if (given) {
    const int image = reply.boxes.empty() ? reply.points.front().image : reply.boxes.front().image;
    if (image >= 0) index = std::min(index, static_cast<size_t>(image));
  }
  GLMV_ASSIGN(const media::Image image, load(pictures[index], decoder));
  std::vector<media::LabeledBox> boxes;
  if (given) {
    for (const auto& b : reply.boxes) boxes.push_back({b.px1, b.py1, b.px2, b.py2, b.label});
    for (const auto& p : reply.points) boxes.push_back(around(p.px, p.py, p.label, image));
  } else {
    const parsers::Grounding found =
        parsers::parse_grounding(reply.content, image.width, image.height);
    for (const auto& b : found.boxes) boxes.push_back({b.px1, b.py1, b.px2, b.py2, b.label});
    for (const auto& p : found.points) boxes.push_back(around(p.px, p.py, p.label, image));
  }
  if (boxes.empty()) return invalid_argument("{}", tr("the last reply has no boxes"));
  return media::draw_boxes(image, boxes);
}

}  // namespace glmv::terminal
