#include "glmv/grounding/ask.h"

namespace glmv::grounding {
namespace {

constexpr double kScale = 1000;
constexpr char kNormalisation[] =
    " Coordinates are relative to the image, not pixels: whole numbers from 0 to 1000, x by its "
    "width and y by its height, with (0, 0) at its top left corner.";

std::string space_format(const AxisOrder& order) {
  static constexpr std::string_view kSizes[] = {"size along x", "size along y", "size along z"};
  static constexpr std::string_view kAngles[] = {"pitch", "yaw", "roll"};
  std::string text = "x, y, z of its center";
  for (const int axis : order.sizes) text += ", " + std::string(kSizes[axis]);
  for (const int axis : order.angles) text += ", " + std::string(kAngles[axis]);
  return text;
}

}  // namespace

std::string question_text(const GroundQuestion& question, bool again) {
  std::string text = question.query;
  if (!question.whole) {
    switch (question.find.form) {
      case AnswerForm::kAuto:
      case AnswerForm::kBox:
        text =
            "Help me to locate " + question.query + " in the image and give me its bounding boxes.";
        break;
      case AnswerForm::kPoint:
        text = "Help me to locate " + question.query +
               " in the image and give me a point on each, in the format [[x1, y1], [x2, y2]].";
        break;
      case AnswerForm::kPolygon:
        text = "Outline " + question.query +
               " in the image. Give a polygon for each as the list of its corners, in the format "
               "[[[x1, y1], [x2, y2], [x3, y3]]].";
        break;
      case AnswerForm::kJson:
        text = "Detect " + question.query +
               " in the image. Answer with a JSON list of objects in the format [{\"label\": "
               "\"name\", \"bbox_2d\": [x1, y1, x2, y2]}].";
        break;
      case AnswerForm::kBox3d:
        text = "Detect " + question.query +
               " in the image and give 3D bounding boxes in the coordinates of the camera. Answer "
               "with a JSON list of objects in the format [{\"bbox_3d\": [nine numbers], "
               "\"label\": \"name\"}], the numbers being " +
               space_format(question.find.order) +
               ", in metres and radians, with x to the right, y down and z forward.";
        break;
    }
  }
  return again ? text + kNormalisation : text;
}

std::string answer_text(const api::ChatReply& reply) { return reply.content; }

Result<GroundAnswer> ask_where(api::ChatBackend& backend, api::ChatRequest request,
                               const GroundQuestion& question, const api::OnChunk& on_chunk) {
  request.keep_box_markers = true;
  GroundAnswer answer;
  for (;; ++answer.attempts) {
    api::ChatRequest asked = request;
    text::Message message = text::Message::user("");
    message.content = {
        {.kind = text::PartKind::kImage, .source = question.source},
        {.kind = text::PartKind::kText, .text = question_text(question, answer.attempts > 0)}};
    message.content_is_string = false;
    asked.messages.push_back(std::move(message));
    GLMV_ASSIGN(answer.reply, backend.chat(asked, on_chunk));
    answer.annotations =
        find_annotations(answer_text(answer.reply), question.width, question.height, question.find);
    answer.annotations.query = question.query;
    answer.in_pixels = answer.annotations.largest > kScale;
    if (!answer.in_pixels || answer.attempts >= question.retries ||
        answer.reply.finish_reason == "cancelled") {
      ++answer.attempts;
      return answer;
    }
  }
}

}  // namespace glmv::grounding
