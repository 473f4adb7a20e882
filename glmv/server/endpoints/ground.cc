// POST /api/ground: what `glmv ground` finds in a text.

#include "glmv/grounding/annotation_json.h"
#include "glmv/server/fields.h"
#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxTextBytes = 1 << 20;
constexpr int64_t kMaxSide = 1'000'000;

ApiResult<Json> ground_json(const Call& call) {
  GLMV_ASSIGN(const Json body, parse_body(call.request.body));
  const Json* const text = find(body, "text");
  if (text == nullptr) return bad_field("text", "is missing: the answer of a model");
  GLMV_ASSIGN(const std::string answer, string(*text, "text"));
  if (answer.size() > kMaxTextBytes) {
    return bad_field("text", fmt::format("has more than {} bytes", kMaxTextBytes));
  }
  int64_t width = 0, height = 0;
  GLMV_FIELD(width, integer(body, "width", 1, kMaxSide));
  GLMV_FIELD(height, integer(body, "height", 1, kMaxSide));
  if ((width > 0) != (height > 0)) {
    return bad_field(width > 0 ? "height" : "width", "is missing: give both, or none");
  }
  grounding::FindOptions options;
  if (const Json* const as = find(body, "as")) {
    GLMV_ASSIGN(const std::string name, string(*as, "as"));
    const auto form = grounding::parse_form(name);
    if (!form) return bad_field("as", "must be auto, box, point, poly, json or 3d");
    options.form = *form;
  }
  Json json = grounding::to_json(grounding::find_annotations(answer, width, height, options));
  json.erase("raw_text");  // the client has it
  return json;
}

}  // namespace

void ground(const Call& call) {
  const ApiResult<Json> json = ground_json(call);
  if (json) return send_json(call.reply, 200, *json, call.request_id);
  fail(call, json.error());
}

}  // namespace glmv::server
