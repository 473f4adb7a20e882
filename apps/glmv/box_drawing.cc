#include "apps/glmv/box_drawing.h"

#include "glmv/media/decode.h"
#include "glmv/media/draw.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/source.h"

namespace glmv::app {

Result<void> save_boxes(const api::ChatReply& reply, const std::vector<std::string>& images,
                        const std::string& path) {
  if (images.empty()) return invalid_argument("--save-boxes {}: there is no picture", path);
  const size_t index =
      reply.boxes.empty() ? images.size() - 1 : static_cast<size_t>(reply.boxes.front().image);
  if (index >= images.size()) {
    return invalid_argument("--save-boxes: the boxes refer to picture {} of {}", index + 1,
                            images.size());
  }
  GLMV_ASSIGN(const media::DecodedImage picture, media::load_image(images[index]));
  std::vector<media::LabeledBox> boxes;
  for (const api::AnswerBox& box : reply.boxes) {
    boxes.push_back({box.px1, box.py1, box.px2, box.py2, box.label});
  }
  GLMV_ASSIGN(const media::Image drawn, media::draw_boxes(picture.image, boxes));
  return media::write_png(path, drawn);
}

}  // namespace glmv::app
