// Tokenizer, chat template, generation defaults.

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "apps/glmv/inspect_report.h"
#include "glmv/text/chat_template.h"
#include "glmv/text/special_tokens.h"
#include "glmv/text/tokenizer.h"

namespace glmv::app {
namespace {

using checkpoint::ModelConfig;
using text::SpecialTokens;

struct TokenRow {
  const char* name;
  SpecialTokens::Id SpecialTokens::* id;
};
constexpr TokenRow kTokens[] = {
    {"<|endoftext|>", &SpecialTokens::end_of_text},
    {"[gMASK]", &SpecialTokens::gmask},
    {"<sop>", &SpecialTokens::sop},
    {"<|system|>", &SpecialTokens::system},
    {"<|user|>", &SpecialTokens::user},
    {"<|assistant|>", &SpecialTokens::assistant},
    {"<|observation|>", &SpecialTokens::observation},
    {"<|begin_of_image|>", &SpecialTokens::image_start},
    {"<|end_of_image|>", &SpecialTokens::image_end},
    {"<|begin_of_video|>", &SpecialTokens::video_start},
    {"<|end_of_video|>", &SpecialTokens::video_end},
    {"<|image|>", &SpecialTokens::image},
    {"<|video|>", &SpecialTokens::video},
    {"<think>", &SpecialTokens::think_start},
    {"</think>", &SpecialTokens::think_end},
    {"<answer>", &SpecialTokens::answer_start},
    {"</answer>", &SpecialTokens::answer_end},
    {"<|begin_of_box|>", &SpecialTokens::box_start},
    {"<|end_of_box|>", &SpecialTokens::box_end},
    {"<tool_call>", &SpecialTokens::tool_call_start},
    {"</tool_call>", &SpecialTokens::tool_call_end},
    {"/nothink", &SpecialTokens::nothink},
};

void describe_special_tokens(const SpecialTokens& tokens, InspectReport& report) {
  constexpr size_t kPerLine = 4;
  Json& json = report.data["special_tokens"] = Json::object();
  std::vector<std::string> line, absent;
  const auto flush = [&] {
    if (!line.empty()) {
      report.row(json.size() > kPerLine ? "" : "special tokens",
                 fmt::format("{}", fmt::join(line, "  ")));
    }
    line.clear();
  };
  for (const TokenRow& row : kTokens) {
    const SpecialTokens::Id id = tokens.*row.id;
    if (!id) {
      absent.push_back(row.name);
      continue;
    }
    json[row.name] = *id;
    line.push_back(fmt::format("{} {}", row.name, *id));
    if (line.size() == kPerLine) flush();
  }
  flush();
  report.data["absent_special_tokens"] = absent;
  if (!absent.empty()) report.row("", fmt::format("none: {}", fmt::join(absent, " ")));
  if (!tokens.image) {
    report.warning("the tokenizer has no <|image|> token: this model takes text only");
  }
  if (!tokens.end_of_text || !tokens.user || !tokens.assistant) {
    report.warning(
        "the tokenizer lacks <|endoftext|>, <|user|> or <|assistant|>: chat templates "
        "of these families need them");
  }
}

void check_token_ids(const ModelConfig& config, const text::Tokenizer& tokenizer,
                     const SpecialTokens& tokens, InspectReport& report) {
  struct IdRow {
    const char* key;
    int64_t id;
    SpecialTokens::Id wanted;
  };
  const IdRow rows[] = {
      {"image_token_id", config.image_token_id, tokens.image},
      {"video_token_id", config.video_token_id, tokens.video},
      {"image_start_token_id", config.image_start_token_id, tokens.image_start},
      {"image_end_token_id", config.image_end_token_id, tokens.image_end},
      {"video_start_token_id", config.video_start_token_id, tokens.video_start},
      {"video_end_token_id", config.video_end_token_id, tokens.video_end},
      {"pad_token_id", config.pad_token_id, tokens.pad},
  };
  for (const IdRow& row : rows) {
    if (row.id < 0 || !row.wanted || row.id == *row.wanted) continue;
    report.warning(
        fmt::format("config.json: {} is {} (\"{}\"), but the tokenizer's token is {} "
                    "(\"{}\"); the tokenizer's is used",
                    row.key, row.id, tokenizer.token_bytes(static_cast<int32_t>(row.id)),
                    *row.wanted, tokenizer.token_bytes(*row.wanted)));
  }
  if (const auto fits = tokenizer.check_embedding_rows(config.text.vocab_size); !fits) {
    report.error(fits.error().message);
  }
}

bool is_missing(const std::filesystem::path& dir, const char* name) {
  std::error_code error;
  return !std::filesystem::exists(dir / name, error);
}

std::optional<text::Tokenizer> inspect_tokenizer(const std::filesystem::path& dir,
                                                 const std::optional<ModelConfig>& config,
                                                 InspectReport& report) {
  auto loaded = text::Tokenizer::load(dir);
  if (!loaded) {
    report.error(is_missing(dir, "tokenizer.json")
                     ? "tokenizer.json is missing: the model can be measured, but not asked"
                     : loaded.error().message);
    return std::nullopt;
  }
  const text::Tokenizer& tokenizer = *loaded;
  if (is_missing(dir, "tokenizer_config.json")) {
    report.warning("tokenizer_config.json is missing; <|endoftext|> is the end and padding token");
  }
  const size_t num_added = tokenizer.added_token_ids().size();
  report.data["tokenizer"] = {{"vocab_size", tokenizer.vocab_size()}, {"added_tokens", num_added}};
  report.row("tokenizer",
             fmt::format("{} ids, {} of them added tokens", tokenizer.vocab_size(), num_added));
  const SpecialTokens tokens = SpecialTokens::resolve(tokenizer);
  describe_special_tokens(tokens, report);
  if (config) check_token_ids(*config, tokenizer, tokens, report);
  return std::move(*loaded);
}

void inspect_template(const std::filesystem::path& dir, const std::string& model_type,
                      InspectReport& report) {
  const auto chat_template = report.keep(text::ChatTemplate::load(dir, model_type));
  if (!chat_template) return;
  const std::string& origin = chat_template->origin();
  report.data["chat_template"] = {{"origin", origin}, {"bytes", chat_template->source().size()}};
  report.row("chat template", origin);
  if (origin.starts_with("built-in")) {
    report.warning(fmt::format("the folder has no chat template; {} is used", origin));
  }
  text::Message message = text::Message::user("");
  message.content = {{.kind = text::PartKind::kImage, .source = "picture"},
                     {.kind = text::PartKind::kText, .text = "What is this?"}};
  message.content_is_string = false;
  const auto rendered = chat_template->render(std::span(&message, 1), {});
  if (!rendered) {
    report.error(fmt::format("the chat template fails on a question about a picture: {}",
                             rendered.error().message));
    return;
  }
  size_t num_placeholders = 0;
  for (size_t at = rendered->text.find("<|image|>"); at != std::string::npos;
       at = rendered->text.find("<|image|>", at + 1)) {
    ++num_placeholders;
  }
  if (num_placeholders != 1) {
    report.error(
        fmt::format("the chat template prints {} <|image|> for one picture; pictures "
                    "cannot be asked about",
                    num_placeholders));
  }
}

void inspect_generation(const std::filesystem::path& dir, const ModelConfig& config,
                        const std::optional<text::Tokenizer>& tokenizer, InspectReport& report) {
  const auto generation = report.keep(checkpoint::read_generation_config(dir, config));
  if (!generation) return;
  if (is_missing(dir, "generation_config.json")) {
    report.warning(
        "generation_config.json is missing; the release's sampling defaults and "
        "config.json's EOS ids are used");
  } else if (!config.eos_token_ids.empty()) {
    ModelConfig without_eos = config;
    without_eos.eos_token_ids.clear();
    const auto own = checkpoint::read_generation_config(dir, without_eos);
    const auto as_set = [](const std::vector<int64_t>& ids) {
      return std::set<int64_t>(ids.begin(), ids.end());
    };
    if (own && !own->eos_token_ids.empty() &&
        as_set(own->eos_token_ids) != as_set(config.eos_token_ids)) {
      report.warning(
          fmt::format("generation_config.json has the EOS ids {}, config.json {}; "
                      "generation ends at any of them",
                      fmt::join(own->eos_token_ids, " "), fmt::join(config.eos_token_ids, " ")));
    }
  }
  Json& json = report.data["generation"] = {{"do_sample", generation->do_sample},
                                            {"temperature", generation->temperature},
                                            {"top_p", generation->top_p},
                                            {"top_k", generation->top_k},
                                            {"repetition_penalty", generation->repetition_penalty},
                                            {"eos_token_ids", generation->eos_token_ids}};
  report.row("sampling", generation->do_sample
                             ? fmt::format("temperature {}, top-p {}, top-k {}, repetition {}",
                                           generation->temperature, generation->top_p,
                                           generation->top_k, generation->repetition_penalty)
                             : "greedy");
  std::vector<std::string> names;
  for (const int64_t id : generation->eos_token_ids) {
    names.push_back(std::to_string(id));
    if (!tokenizer) continue;
    const auto token = static_cast<int32_t>(id);
    names.back() += fmt::format(" {}", tokenizer->token_bytes(token));
    if (!tokenizer->is_added(token)) {
      report.warning(fmt::format("EOS id {} is the ordinary token \"{}\" of the tokenizer", id,
                                 tokenizer->token_bytes(token)));
    }
  }
  json["eos_tokens"] = names;
  report.row("EOS ids", fmt::format("{}", fmt::join(names, "  ")));
  if (names.empty()) {
    report.warning(
        "no EOS id in config.json or generation_config.json: answers end at the token "
        "limit only");
  }
}

}  // namespace

void inspect_text(const std::filesystem::path& dir, const std::optional<ModelConfig>& config,
                  const std::string& model_type, InspectReport& report) {
  const std::optional<text::Tokenizer> tokenizer = inspect_tokenizer(dir, config, report);
  inspect_template(dir, model_type, report);
  if (config) inspect_generation(dir, *config, tokenizer, report);
}

}  // namespace glmv::app
