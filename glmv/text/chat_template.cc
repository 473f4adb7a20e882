#include "glmv/text/chat_template.h"

#include <algorithm>

#include "glmv/base/files.h"
#include "glmv/base/utf8.h"
#include "glmv/text/builtin_templates.h"
#include "glmv/text/jinja_eval.h"
#include "glmv/text/jinja_parser.h"

namespace glmv::text {

struct ChatTemplate::Impl {
  std::string source;
  std::string origin;
  jinja::Block program;
};

namespace {

constexpr size_t kMaxTemplateBytes = size_t{1} << 20;
constexpr int kMaxJsonDepth = 200;
// Appended to the text to continue and cut off again after rendering, with what follows it.
constexpr std::string_view kSentinel = "CONTINUE_FINAL_MESSAGE_TAG ";

Result<void> check_json(const Json& json, std::string_view where, int depth = 0) {
  if (depth > kMaxJsonDepth) {
    return invalid_argument("{}: nested deeper than {}", where, kMaxJsonDepth);
  }
  const auto check_text = [&](const std::string& text) -> Result<void> {
    if (const auto bad = find_invalid_utf8(text)) {
      return invalid_argument("{}: invalid UTF-8 at byte {} of a text", where, *bad);
    }
    return {};
  };
  if (json.is_string()) return check_text(json.get_ref<const std::string&>());
  if (!json.is_structured()) return {};
  for (const auto& [key, item] : json.items()) {
    if (json.is_object()) GLMV_RETURN_IF_ERROR(check_text(key));
    GLMV_RETURN_IF_ERROR(check_json(item, where, depth + 1));
  }
  return {};
}

// Reasoning goes by three names; templates read the first.
void fill_reasoning(Json& message) {
  for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
    const auto it = message.find(name);
    if (it == message.end() || it->is_null()) continue;
    const Json reasoning = *it;
    if (!message.contains("thinking")) message["thinking"] = reasoning;
    message["reasoning_content"] = reasoning;
    return;
  }
}

// Everything in a message is content, except a role that templates may write into a control token.
jinja::Value message_value(const Json& message) {
  auto dict = std::make_shared<jinja::Dict>();
  for (const auto& [key, item] : message.items()) {
    bool mark = true;
    if (key == "role" && item.is_string()) {
      static constexpr std::string_view kRoles[] = {"system", "user", "assistant", "tool",
                                                    "developer"};
      mark = std::ranges::find(kRoles, item.get_ref<const std::string&>()) == std::end(kRoles);
    }
    dict->index.emplace("s" + key, dict->items.size());
    dict->items.emplace_back(jinja::Value::string(key), jinja::from_json(item, mark));
    dict->depth = std::max(dict->depth, 1 + jinja::depth_of(dict->items.back().second));
  }
  return jinja::Value(std::shared_ptr<const jinja::Dict>(std::move(dict)));
}

// The text of the last message that the model is to go on with, with the sentinel added.
Result<std::string> add_sentinel(Json& messages) {
  if (messages.empty()) {
    return invalid_argument("continue_final_message: the conversation is empty");
  }
  Json& message = messages.back();
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) {
    return invalid_argument("continue_final_message: the final message has no content");
  }
  const auto append = [](Json& text) {
    std::string before = text.get<std::string>();
    text = before + std::string(kSentinel);
    return before;
  };
  if (content->is_string()) return append(*content);
  if (content->is_array()) {
    for (auto part = content->rbegin(); part != content->rend(); ++part) {
      if (part->is_object() && part->contains("text") && (*part)["text"].is_string()) {
        return append((*part)["text"]);
      }
    }
  }
  return invalid_argument("continue_final_message: the final message has no text to continue");
}

Result<void> cut_at_sentinel(std::string_view final_text, jinja::Text& text) {
  const std::string_view tag = kSentinel.substr(0, kSentinel.size() - 1);
  const ByteRange core = jinja::strip_range(final_text, nullptr, true, true);
  const size_t at = text.bytes().rfind(tag);
  if (at == std::string::npos || text.bytes().find(final_text.substr(
                                     core.begin, core.end - core.begin)) == std::string::npos) {
    return invalid_argument(
        "continue_final_message: the template does not print the final message unchanged");
  }
  const bool kept_space = std::string_view(text.bytes()).substr(at).starts_with(kSentinel);
  text.truncate(at);
  // The template trims the text it prints, so it would have trimmed this one too.
  if (!kept_space) text.truncate(jinja::strip_range(text.bytes(), nullptr, false, true).end);
  return {};
}

Result<std::optional<std::string>> template_in_json(const std::filesystem::path& path) {
  auto json = read_json_file(path);
  if (!json) {
    if (json.error().code == Code::kNotFound) return std::nullopt;
    return std::unexpected(json.error());
  }
  if (!json->is_object()) return std::nullopt;
  const auto found = json->find("chat_template");
  if (found == json->end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {  // several named ones
    for (const Json& row : *found) {
      if (row.is_object() && row.value("name", Json()) == "default" && row.contains("template") &&
          row["template"].is_string()) {
        return row["template"].get<std::string>();
      }
    }
  }
  return invalid_argument("{}: chat_template must be a string or a list with one named 'default'",
                          path.string());
}

}  // namespace

ChatTemplate::ChatTemplate(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return impl_->source; }
const std::string& ChatTemplate::origin() const { return impl_->origin; }

Result<ChatTemplate> ChatTemplate::parse(std::string source, std::string name) {
  if (source.size() > kMaxTemplateBytes) {
    return invalid_argument("{}: a chat template of {} bytes; at most {} are accepted", name,
                            source.size(), kMaxTemplateBytes);
  }
  auto program = jinja::parse_template(source);
  if (!program) return in_context(name, program.error());
  auto impl = std::make_unique<Impl>();
  impl->source = std::move(source);
  impl->origin = std::move(name);
  impl->program = std::move(*program);
  return ChatTemplate(std::move(impl));
}

Result<ChatTemplate> ChatTemplate::load(const std::filesystem::path& dir,
                                        std::string_view model_type) {
  auto own = read_file(dir / "chat_template.jinja", kMaxTemplateBytes);
  if (own) return parse(std::move(*own), (dir / "chat_template.jinja").string());
  if (own.error().code != Code::kNotFound) return std::unexpected(own.error());
  for (const char* name :
       {"chat_template.json", "processor_config.json", "tokenizer_config.json"}) {
    GLMV_ASSIGN(std::optional<std::string> found, template_in_json(dir / name));
    if (found) return parse(std::move(*found), (dir / name).string());
  }
  const auto builtin = builtin_template(model_type);
  if (!builtin) {
    return not_found(
        "{} has no chat template and there is no built-in one for model type '{}' (known: {}): add "
        "a chat_template.jinja",
        dir.string(), model_type, builtin_template_names());
  }
  return parse(std::string(*builtin), fmt::format("built-in {}", model_type));
}

Result<Rendered> ChatTemplate::render(std::span<const Message> messages,
                                      const RenderOptions& options) const {
  return render_json(to_template_json({messages.begin(), messages.end()}), options);
}

Result<Rendered> ChatTemplate::render_json(const Json& messages,
                                           const RenderOptions& options) const {
  using jinja::Value;
  GLMV_RETURN_IF_ERROR(check_json(messages, "messages"));
  GLMV_RETURN_IF_ERROR(check_json(options.tools, "tools"));
  GLMV_RETURN_IF_ERROR(check_json(options.kwargs, "chat_template_kwargs"));
  if (!messages.is_array()) return invalid_argument("messages: must be a list");
  if (!options.tools.is_null() && !options.tools.is_array()) {
    return invalid_argument("tools: must be a list");
  }
  if (!options.kwargs.is_null() && !options.kwargs.is_object()) {
    return invalid_argument("chat_template_kwargs: must be an object");
  }

  Json chat = messages;
  for (size_t i = 0; i < chat.size(); ++i) {
    if (!chat[i].is_object()) return invalid_argument("messages[{}]: must be an object", i);
    fill_reasoning(chat[i]);
  }
  std::string final_text;
  if (options.continue_final_message) {
    GLMV_ASSIGN(final_text, add_sentinel(chat));
  }
  auto list = std::make_shared<jinja::Sequence>();
  for (const Json& message : chat) {
    list->items.push_back(message_value(message));
    list->depth = std::max(list->depth, 1 + jinja::depth_of(list->items.back()));
  }

  std::vector<std::pair<std::string, Value>> variables;
  variables.emplace_back("messages", Value(std::shared_ptr<const jinja::Sequence>(list)));
  variables.emplace_back("tools", jinja::from_json(options.tools, true));
  variables.emplace_back("documents", Value::none());
  variables.emplace_back("add_generation_prompt", Value::boolean(options.add_generation_prompt));
  const auto set = [&](const std::string& name, Value value) {
    for (auto& [known, slot] : variables) {
      if (known == name) {
        slot = std::move(value);
        return;
      }
    }
    variables.emplace_back(name, std::move(value));
  };
  if (options.enable_thinking) set("enable_thinking", Value::boolean(*options.enable_thinking));
  if (options.kwargs.is_object()) {
    for (const auto& [name, value] : options.kwargs.items()) {
      if (name == "messages" || name == "tools" || name == "add_generation_prompt") {
        return invalid_argument("chat_template_kwargs.{}: is an argument of its own", name);
      }
      set(name, jinja::from_json(value, name == "documents"));
    }
  }

  auto output = jinja::run_template(impl_->program, std::move(variables));
  if (!output) return in_context(impl_->origin, output.error());
  if (options.continue_final_message) {
    GLMV_RETURN_IF_ERROR(cut_at_sentinel(final_text, output->text));
    const size_t size = output->text.size();
    std::erase_if(output->generation_ranges, [&](const ByteRange& r) { return r.begin >= size; });
    for (ByteRange& range : output->generation_ranges) range.end = std::min(range.end, size);
  }
  return Rendered{output->text.bytes(), output->text.marks(), std::move(output->generation_ranges)};
}

}  // namespace glmv::text
