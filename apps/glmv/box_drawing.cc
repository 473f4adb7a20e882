#include "apps/glmv/box_drawing.h"

#include "glmv/media/draw.h"
#include "glmv/media/pixels.h"
#include "glmv/media/png_writer.h"

namespace glmv::app {
namespace {

Result<media::Image> load(const text::ContentPart& picture, media::PictureDecoder* decoder) {
  if (picture.pixels.empty()) {
    GLMV_ASSIGN(media::DecodedImage decoded, media::load_image(picture.source, decoder));
    return std::move(decoded.image);
  }
  return media::image_of(picture.pixels[0]);
}

}  // namespace

Result<void> save_boxes(const api::ChatReply& reply, const std::vector<text::ContentPart>& pictures,
                        media::PictureDecoder* decoder, const std::string& path) {
  if (pictures.empty()) return invalid_argument("--save-boxes {}: there is no picture", path);
  const size_t index =
      reply.boxes.empty() ? pictures.size() - 1 : static_cast<size_t>(reply.boxes.front().image);
  if (index >= pictures.size()) {
    return invalid_argument("--save-boxes: the boxes refer to picture {} of {}", index + 1,
                            pictures.size());
  }
  GLMV_ASSIGN(const media::Image picture, load(pictures[index], decoder));
  std::vector<media::LabeledBox> boxes;
  for (const api::AnswerBox& box : reply.boxes) {
    boxes.push_back({box.px1, box.py1, box.px2, box.py2, box.label});
  }
  GLMV_ASSIGN(const media::Image drawn, media::draw_boxes(picture, boxes));
  return media::write_png(path, drawn);
}

}  // namespace glmv::app
