#include "glmv/parsers/output_tags.h"

#include <algorithm>

namespace glmv::parsers {
namespace {

struct Name {
  TagKind kind;
  std::string_view text;
};

constexpr Name kNames[] = {
    {TagKind::kThinkOpen, "<think>"},
    {TagKind::kThinkClose, "</think>"},
    {TagKind::kAnswerOpen, "<answer>"},
    {TagKind::kAnswerClose, "</answer>"},
    {TagKind::kBoxBegin, kBoxBeginText},
    {TagKind::kBoxEnd, kBoxEndText},
    {TagKind::kToolCall, "<tool_call>"},
    {TagKind::kToolCallClose, "</tool_call>"},
    {TagKind::kArgKey, "<arg_key>"},
    {TagKind::kArgKeyClose, "</arg_key>"},
    {TagKind::kArgValue, "<arg_value>"},
    {TagKind::kArgValueClose, "</arg_value>"},
    {TagKind::kRole, "<|user|>"},
    {TagKind::kRole, "<|assistant|>"},
    {TagKind::kRole, "<|system|>"},
    {TagKind::kRole, "<|observation|>"},
    {TagKind::kWrapper, "<|endoftext|>"},
    {TagKind::kWrapper, "<|begin_of_image|>"},
    {TagKind::kWrapper, "<|end_of_image|>"},
    {TagKind::kWrapper, "<|begin_of_video|>"},
    {TagKind::kWrapper, "<|end_of_video|>"},
    {TagKind::kWrapper, "<|begin_of_audio|>"},
    {TagKind::kWrapper, "<|end_of_audio|>"},
    {TagKind::kWrapper, "<|begin_of_transcription|>"},
    {TagKind::kWrapper, "<|end_of_transcription|>"},
    {TagKind::kWrapper, "<|image|>"},
    {TagKind::kWrapper, "<|video|>"},
    {TagKind::kWrapper, "[MASK]"},
    {TagKind::kWrapper, "[gMASK]"},
    {TagKind::kWrapper, "[sMASK]"},
    {TagKind::kWrapper, "<sop>"},
    {TagKind::kWrapper, "<eop>"},
};

// Control tokens a user could well write himself are only recognised by id.
bool text_is_unmistakable(const Name& name) {
  return name.kind != TagKind::kWrapper || name.text.starts_with("<|");
}

}  // namespace

OutputTags OutputTags::text_only() {
  OutputTags tags;
  for (const Name& name : kNames) {
    if (text_is_unmistakable(name)) tags.tags_.push_back({name.kind, std::string(name.text), -1});
  }
  return tags;
}

OutputTags OutputTags::boxes_only() {
  OutputTags tags;
  for (const Name& name : kNames) {
    const bool is_box = name.kind == TagKind::kBoxBegin || name.kind == TagKind::kBoxEnd;
    if (is_box) tags.tags_.push_back({name.kind, std::string(name.text), -1});
  }
  return tags;
}

OutputTags OutputTags::from_tokenizer(
    const std::function<std::optional<int32_t>(std::string_view)>& lookup) {
  OutputTags tags;
  const bool has_think_ids = lookup("</think>").has_value();
  for (const Name& name : kNames) {
    const std::optional<int32_t> id = lookup(name.text);
    const bool is_answer = name.kind == TagKind::kAnswerOpen || name.kind == TagKind::kAnswerClose;
    if (!id && (name.kind == TagKind::kWrapper || name.kind == TagKind::kRole ||
                (is_answer && has_think_ids))) {
      continue;
    }
    tags.tags_.push_back({name.kind, std::string(name.text), id.value_or(-1)});
  }
  return tags;
}

const OutputTag* OutputTags::find_id(int32_t id) const {
  if (id < 0) return nullptr;
  const auto it = std::ranges::find(tags_, id, &OutputTag::id);
  return it == tags_.end() ? nullptr : &*it;
}

const OutputTag* OutputTags::find_text(std::string_view text) const {
  for (const OutputTag& tag : tags_) {
    if (tag.id < 0 && text.starts_with(tag.text)) return &tag;
  }
  return nullptr;
}

bool OutputTags::is_partial(std::string_view text) const {
  return !text.empty() && std::ranges::any_of(tags_, [&](const OutputTag& tag) {
    return tag.id < 0 && tag.text.size() > text.size() && tag.text.starts_with(text);
  });
}

bool OutputTags::has_answer() const {
  return std::ranges::find(tags_, TagKind::kAnswerOpen, &OutputTag::kind) != tags_.end();
}

int32_t OutputTags::id_of(TagKind kind) const {
  const auto it = std::ranges::find(tags_, kind, &OutputTag::kind);
  return it == tags_.end() ? -1 : it->id;
}

StartState start_state(std::span<const int32_t> prompt_ids, const OutputTags& tags) {
  for (size_t i = prompt_ids.size(); i-- > 0;) {
    const OutputTag* tag = tags.find_id(prompt_ids[i]);
    if (!tag) continue;
    if (tag->kind == TagKind::kThinkOpen) return StartState::kReasoning;
    if (tag->kind == TagKind::kThinkClose) return StartState::kContent;
    if (tag->kind == TagKind::kRole) return StartState::kStart;
  }
  return StartState::kStart;
}

StartState start_state(std::string_view prompt, const OutputTags& tags) {
  size_t last = 0;  // end of the last tag that decides
  StartState state = StartState::kStart;
  for (const OutputTag& tag : tags.all()) {
    StartState meaning = StartState::kStart;
    if (tag.kind == TagKind::kThinkOpen) {
      meaning = StartState::kReasoning;
    } else if (tag.kind == TagKind::kThinkClose) {
      meaning = StartState::kContent;
    } else if (tag.kind != TagKind::kRole) {
      continue;
    }
    const size_t at = prompt.rfind(tag.text);
    if (at != std::string_view::npos && at + tag.text.size() > last) {
      last = at + tag.text.size();
      state = meaning;
    }
  }
  return state;
}

}  // namespace glmv::parsers
