#include "glmv/train/collator.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <ranges>

#include "glmv/base/check.h"
#include "glmv/train/sample_media.h"

namespace glmv::train {
namespace {

using text::ByteRange;
using text::Message;

constexpr std::string_view kThinkOpen = "<think>";
constexpr std::string_view kThinkClose = "</think>";
// Literals in message content that must not become structure, even in trusted text.
constexpr std::string_view kMediaTokens[] = {"<|image|>",          "<|video|>",
                                             "<|begin_of_image|>", "<|end_of_image|>",
                                             "<|begin_of_video|>", "<|end_of_video|>"};

size_t prompt_kind(std::optional<bool> enable_thinking) {
  return enable_thinking ? (*enable_thinking ? 2 : 1) : 0;
}

bool touches(const std::vector<ByteRange>& ranges, size_t begin, size_t end) {
  // The first range that ends behind `begin`.
  const auto it = std::ranges::upper_bound(ranges, begin, {}, &ByteRange::end);
  return it != ranges.end() && it->begin < end;
}

void drop_thought(Message& message) {
  message.reasoning_content.reset();
  message.content = {{.kind = text::PartKind::kText, .text = strip_thought(message.text())}};
}

// Thoughts of earlier turns are not part of the history at inference.
void apply_think_options(std::vector<Message>& messages, const EncodeOptions& options) {
  bool is_last = true;
  for (Message& message : messages | std::views::reverse) {
    if (message.role != "assistant") continue;
    const bool keep = is_last ? options.train_think : options.history_think == "keep";
    if (!keep) drop_thought(message);
    is_last = false;
  }
}

void add_literals(std::string_view text, const ByteRange& range, std::string_view literal,
                  std::vector<ByteRange>& out) {
  const std::string_view part = text.substr(range.begin, range.end - range.begin);
  for (size_t at = part.find(literal); at != std::string_view::npos;
       at = part.find(literal, at + literal.size())) {
    out.push_back({range.begin + at, range.begin + at + literal.size()});
  }
}

}  // namespace

std::string strip_thought(std::string_view text) {
  const size_t close = text.find(kThinkClose);
  if (close == std::string_view::npos) return std::string(text);
  const size_t open = text.substr(0, close).find(kThinkOpen);
  const size_t begin = open == std::string_view::npos ? 0 : open;
  const size_t end = text.find_first_not_of(" \t\r\n", close + kThinkClose.size());
  std::string result(text.substr(0, begin));
  if (end != std::string_view::npos) result += text.substr(end);
  return result;
}

Result<Collator> Collator::create(const processing::Processor& processor,
                                  const EncodeOptions& options) {
  Collator collator(processor, options);
  for (const char* name : {"<|assistant|>", "<|user|>", "<|observation|>", "<|system|>"}) {
    const auto id = processor.tokenizer().token_id(name);
    if (id) collator.roles_.push_back({.text = name, .id = *id});
  }
  const auto find_role = [&](std::string_view name) {
    const auto it = std::ranges::find(collator.roles_, name, &Role::text);
    return static_cast<size_t>(it - collator.roles_.begin());
  };
  collator.assistant_ = find_role("<|assistant|>");
  collator.user_ = find_role("<|user|>");
  collator.observation_ = find_role("<|observation|>");
  const size_t none = collator.roles_.size();
  if (collator.assistant_ == none || collator.user_ == none) {
    return unsupported("the tokenizer has no <|assistant|> and <|user|> tokens: not a GLM one");
  }
  collator.turn_end_id_ = collator.roles_[collator.user_].id;
  if (options.turn_end == "endoftext") {
    const auto id = processor.tokenizer().token_id("<|endoftext|>");
    if (!id) return unsupported("turn_end = endoftext: the tokenizer has no <|endoftext|>");
    collator.turn_end_id_ = *id;
  }
  for (const std::optional<bool> thinking :
       {std::optional<bool>(), std::optional(false), std::optional(true)}) {
    GLMV_ASSIGN(collator.prompts_[prompt_kind(thinking)], collator.generation_prompt(thinking));
  }
  return collator;
}

Result<std::vector<int32_t>> Collator::generation_prompt(
    std::optional<bool> enable_thinking) const {
  const Message probe[] = {Message::user("a")};
  text::RenderOptions render{.add_generation_prompt = false, .enable_thinking = enable_thinking};
  GLMV_ASSIGN(const text::Rendered without, processor_->chat_template().render(probe, render));
  render.add_generation_prompt = true;
  GLMV_ASSIGN(const text::Rendered with, processor_->chat_template().render(probe, render));
  const std::string& role = roles_[assistant_].text;
  if (!with.text.starts_with(without.text) ||
      !std::string_view(with.text).substr(without.text.size()).starts_with(role)) {
    return unsupported("chat template {}: its generation prompt does not start with {}",
                       processor_->chat_template().origin(), role);
  }
  return processor_->tokenizer().encode(
      std::string_view(with.text).substr(without.text.size() + role.size()));
}

std::vector<Collator::Turn> Collator::find_turns(const text::Rendered& rendered) const {
  std::vector<Turn> turns;
  for (size_t role = 0; role < roles_.size(); ++role) {
    const std::string& token = roles_[role].text;
    for (size_t at = rendered.text.find(token); at != std::string::npos;
         at = rendered.text.find(token, at + token.size())) {
      if (touches(rendered.content_ranges, at, at + token.size())) continue;
      turns.push_back({.role = role, .begin = at, .end = rendered.text.size()});
    }
  }
  std::ranges::sort(turns, {}, &Turn::begin);
  for (size_t i = 0; i + 1 < turns.size(); ++i) turns[i].end = turns[i + 1].begin;
  return turns;
}

std::vector<ByteRange> Collator::untrusted_ranges(const text::Rendered& rendered,
                                                  const std::vector<Turn>& turns) const {
  std::vector<ByteRange> assistant;
  for (const Turn& turn : turns) {
    if (turn.role == assistant_) assistant.push_back({turn.begin, turn.end});
  }
  std::vector<ByteRange> result;
  for (const ByteRange& range : rendered.content_ranges) {
    const bool trusted =
        options_.trust_special_tokens || touches(assistant, range.begin, range.end);
    if (!trusted) {  // as in the prompts of chats
      const auto parts =
          text::untrusted_parts(rendered.text, {&range, 1}, text::TokensInText::kMarkers);
      result.insert(result.end(), parts.begin(), parts.end());
      continue;
    }
    for (const Role& role : roles_) add_literals(rendered.text, range, role.text, result);
    for (std::string_view token : kMediaTokens) {
      add_literals(rendered.text, range, token, result);
    }
  }
  std::ranges::sort(result, {}, &ByteRange::begin);
  return result;
}

Result<void> Collator::set_targets(const std::vector<Turn>& turns, size_t kind,
                                   EncodedSample& sample) const {
  const std::vector<int32_t>& ids = sample.input.input_ids;
  // The text has media unexpanded and the ids have them expanded, but both have the same role
  // tokens in the same order, and assistant turns hold no media.
  std::vector<size_t> places;
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool is_role = std::ranges::find(roles_, ids[i], &Role::id) != roles_.end();
    if (!is_role) continue;
    if (places.size() >= turns.size() || ids[i] != roles_[turns[places.size()].role].id) {
      return invalid_argument("role token {} at position {} was not written by the template",
                              processor_->tokenizer().token_bytes(ids[i]), i);
    }
    places.push_back(i);
  }
  if (places.size() != turns.size()) {
    return invalid_argument("{} turns in the text, but {} role tokens", turns.size(),
                            places.size());
  }

  size_t last_turn = turns.size();
  while (last_turn > 0 && turns[--last_turn].role != assistant_) {
  }
  sample.targets.assign(ids.size(), kIgnore);
  for (size_t t = 0; t < turns.size(); ++t) {
    if (turns[t].role != assistant_) continue;
    if (options_.loss_turns == "last" && t != last_turn) continue;
    const size_t end = t + 1 < turns.size() ? places[t + 1] : ids.size();
    // Where text of the answer merged with the generation prompt into one token, that token is
    // what the model must produce, so training starts at it.
    const std::vector<int32_t>& prompt = prompts_[kind];
    size_t begin = places[t] + 1;
    for (size_t i = 0; i < prompt.size() && begin < end && ids[begin] == prompt[i]; ++i) ++begin;
    for (size_t i = begin; i < end; ++i) sample.targets[i - 1] = ids[i];
    const bool calls_tool = t + 1 < turns.size() && turns[t + 1].role == observation_;
    sample.targets[end - 1] = calls_tool ? roles_[observation_].id : turn_end_id_;
    sample.num_trained += static_cast<int64_t>(end - begin) + 1;
  }
  return {};
}

Result<void> Collator::set_visual_targets(const std::vector<std::vector<std::string>>& words,
                                          EncodedSample& sample) const {
  const auto visual =
      std::ranges::count_if(sample.input.mm_token_types, [](uint8_t type) { return type != 0; });
  if (words.empty() || static_cast<size_t>(visual) != words.size()) {
    return invalid_argument(
        "objective visual-words: words for {} visual tokens, but there are {}; only generated "
        "pictures (--synth) have such words",
        words.size(), visual);
  }
  sample.targets.assign(sample.input.input_ids.size(), kIgnore);
  for (size_t row = 0; row < words.size(); ++row) {
    for (const std::string& word : words[row]) {
      GLMV_ASSIGN(const std::vector<int32_t> ids, processor_->tokenizer().encode(word));
      if (ids.size() != 1) {
        return invalid_argument("visual word \"{}\" is {} tokens, expected one", word, ids.size());
      }
      sample.visual_targets.push_back({static_cast<int32_t>(row), ids[0]});
    }
    const auto n = static_cast<double>(words[row].size());
    if (n > 1) sample.least_loss += n * std::log(n);
  }
  sample.num_trained = static_cast<int64_t>(sample.visual_targets.size());
  return {};
}

Result<EncodedSample> Collator::encode(Sample sample) const {
  apply_think_options(sample.messages, options_);
  const size_t num_media = media_parts(sample.messages).size();
  if (sample.media.empty() && num_media > 0) GLMV_RETURN_IF_ERROR(decode_media(sample, {}));
  if (sample.media.size() != num_media) {
    return invalid_argument("{} media parts in the messages, but {} decoded media", num_media,
                            sample.media.size());
  }
  text::RenderOptions render{.add_generation_prompt = false,
                             .enable_thinking = sample.enable_thinking,
                             .tools = sample.tools};
  GLMV_ASSIGN(const text::Rendered rendered,
              processor_->chat_template().render(sample.messages, render));
  const std::vector<Turn> turns = find_turns(rendered);
  const auto written = std::ranges::count(turns, assistant_, &Turn::role);
  const auto wanted = std::ranges::count(sample.messages, "assistant", &Message::role);
  if (written != wanted || wanted == 0) {
    return invalid_argument("{} assistant messages, but the template wrote {} assistant turns",
                            wanted, written);
  }

  std::vector<processing::Medium> media;
  for (const processing::DecodedMedium& decoded : sample.media) {
    GLMV_ASSIGN(processing::Medium medium, processor_->prepare(decoded, options_.max_pixels));
    media.push_back(std::move(medium));
  }
  EncodedSample encoded;
  const std::vector<ByteRange> untrusted = untrusted_ranges(rendered, turns);
  GLMV_ASSIGN(encoded.input, processor_->assemble(rendered.text, std::move(media), untrusted));
  const auto length = static_cast<int64_t>(encoded.input.input_ids.size());
  if (options_.max_sample_tokens > 0 && length > options_.max_sample_tokens) {
    return invalid_argument(
        "{} tokens, more than max_sample_tokens = {}; raise it, or lower max_pixels", length,
        options_.max_sample_tokens);
  }
  if (options_.objective == "visual-words") {
    GLMV_RETURN_IF_ERROR(set_visual_targets(sample.visual_words, encoded));
  } else {
    GLMV_RETURN_IF_ERROR(set_targets(turns, prompt_kind(sample.enable_thinking), encoded));
  }
  return encoded;
}

}  // namespace glmv::train
