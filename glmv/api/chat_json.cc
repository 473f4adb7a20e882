#include "glmv/api/chat_json.h"

#include <cmath>

#include "glmv/base/utf8.h"

namespace glmv::api {
namespace {

// Whole numbers without ".0", others with at most three digits behind the point.
Json short_number(double value) {
  const double rounded = std::round(value * 1000.0) / 1000.0;
  if (rounded == std::floor(rounded) && std::abs(rounded) < 1e15) {
    return static_cast<int64_t>(rounded);
  }
  return rounded;
}

Json to_json(const ChatUsage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"cached_tokens", usage.cached_tokens},
          {"image_tokens", usage.image_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"reasoning_tokens", usage.reasoning_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

Json to_json(const ChatTimings& timings) {
  return {{"load_ms", short_number(timings.load_ms)},
          {"preprocess_ms", short_number(timings.preprocess_ms)},
          {"queue_ms", short_number(timings.queue_ms)},
          {"vision_ms", short_number(timings.vision_ms)},
          {"prefill_ms", short_number(timings.prefill_ms)},
          {"decode_ms", short_number(timings.decode_ms)},
          {"time_to_first_token_ms", short_number(timings.time_to_first_token_ms)}};
}

}  // namespace

Json to_json(const AnswerBox& box) {
  Json flags = Json::array();
  if (box.reordered) flags.push_back("reordered");
  if (box.clamped) flags.push_back("clamped");
  if (box.degenerate) flags.push_back("degenerate");
  return {
      {"box",
       {short_number(box.x1), short_number(box.y1), short_number(box.x2), short_number(box.y2)}},
      {"pixels",
       {short_number(box.px1), short_number(box.py1), short_number(box.px2),
        short_number(box.py2)}},
      {"image", box.image},
      {"label", repair_utf8(box.label)},
      {"flags", std::move(flags)}};
}

Json to_json(const AnswerPoint& point) {
  return {{"point", {short_number(point.x), short_number(point.y)}},
          {"pixels", {short_number(point.px), short_number(point.py)}},
          {"image", point.image},
          {"label", repair_utf8(point.label)}};
}

Json to_json(const LogprobEntry& entry) {
  // JSON has no infinity: a token that was masked out gets the lowest float.
  const double logprob = std::isfinite(entry.logprob) ? entry.logprob : -3.4e38;
  Json json = {
      {"token", repair_utf8(entry.token)}, {"token_id", entry.token_id}, {"logprob", logprob}};
  if (!entry.top.empty()) {
    Json& top = json["top"] = Json::array();
    for (const LogprobEntry& other : entry.top) top.push_back(to_json(other));
  }
  return json;
}

Json to_json(const ChatReply& reply) {
  Json boxed = Json::array();
  for (const std::string& text : reply.boxed) boxed.push_back(repair_utf8(text));
  Json boxes = Json::array();
  for (const AnswerBox& box : reply.boxes) boxes.push_back(to_json(box));
  Json json = {{"prompt_ids", reply.prompt_ids},
               {"image_grid_thw", reply.image_grid_thw},
               {"video_grid_thw", reply.video_grid_thw},
               {"image_sizes", reply.image_sizes},
               {"output_ids", reply.output_ids},
               {"reasoning", repair_utf8(reply.reasoning)},
               {"answer", repair_utf8(reply.content)},
               {"boxed", std::move(boxed)},
               {"boxes", std::move(boxes)}};
  if (!reply.points.empty()) {
    Json& points = json["points"] = Json::array();
    for (const AnswerPoint& point : reply.points) points.push_back(to_json(point));
  }
  json["finish_reason"] = reply.finish_reason;
  if (reply.restated) json["restated"] = true;
  json["usage"] = to_json(reply.usage);
  json["timings"] = to_json(reply.timings);
  if (!reply.logprobs.empty()) {
    Json& logprobs = json["logprobs"] = Json::array();
    for (const LogprobEntry& entry : reply.logprobs) logprobs.push_back(to_json(entry));
  }
  return json;
}

}  // namespace glmv::api
