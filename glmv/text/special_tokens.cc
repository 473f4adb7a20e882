#include "glmv/text/special_tokens.h"

#include "glmv/text/tokenizer_config.h"

namespace glmv::text {

SpecialTokens SpecialTokens::resolve(const Tokenizer& tokenizer) {
  // Only added tokens are ever matched as a whole in text.
  const auto find = [&](std::string_view name) -> Id {
    const Id id = name.empty() ? std::nullopt : tokenizer.token_id(name);
    return id && tokenizer.is_added(*id) ? id : std::nullopt;
  };
  SpecialTokens tokens;
  tokens.end_of_text = find("<|endoftext|>");
  tokens.gmask = find("[gMASK]");
  tokens.sop = find("<sop>");
  tokens.system = find("<|system|>");
  tokens.user = find("<|user|>");
  tokens.assistant = find("<|assistant|>");
  tokens.observation = find("<|observation|>");
  tokens.image_start = find("<|begin_of_image|>");
  tokens.image_end = find("<|end_of_image|>");
  tokens.video_start = find("<|begin_of_video|>");
  tokens.video_end = find("<|end_of_video|>");
  tokens.image = find("<|image|>");
  tokens.video = find("<|video|>");
  tokens.think_start = find("<think>");
  tokens.think_end = find("</think>");
  tokens.answer_start = find("<answer>");
  tokens.answer_end = find("</answer>");
  tokens.box_start = find("<|begin_of_box|>");
  tokens.box_end = find("<|end_of_box|>");
  tokens.tool_call_start = find("<tool_call>");
  tokens.tool_call_end = find("</tool_call>");
  tokens.nothink = find("/nothink");
  tokens.eos = find(tokenizer.config().eos_token);
  if (!tokens.eos) tokens.eos = tokens.end_of_text;
  tokens.pad = find(tokenizer.config().pad_token);
  if (!tokens.pad) tokens.pad = tokens.end_of_text;
  return tokens;
}

std::vector<int32_t> SpecialTokens::turn_ends() const {
  std::vector<int32_t> ids;
  for (const Id& id : {end_of_text, user, observation, answer_end}) {
    if (id) ids.push_back(*id);
  }
  return ids;
}

}  // namespace glmv::text
