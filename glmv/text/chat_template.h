#pragma once
// Renders messages to prompt text with the checkpoint's Jinja template, or with the built-in
// template of the family when the checkpoint has none. Immutable, thread-safe.

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/text/byte_range.h"
#include "glmv/text/messages.h"

namespace glmv::text {

struct RenderOptions {
  bool add_generation_prompt = true;
  bool continue_final_message = false;
  std::optional<bool> enable_thinking;  // passed as a template variable when set
  Json tools;                           // null or a list
  Json kwargs;                          // null or an object of further template variables
};

struct Rendered {
  std::string text;
  // Bytes of `text` that come from message content (for EncodeOptions::untrusted). Sorted.
  std::vector<ByteRange> content_ranges;
  // Bytes inside {% generation %} blocks. Sorted.
  std::vector<ByteRange> generation_ranges;
};

class ChatTemplate {
 public:
  // Lookup order: chat_template.jinja, chat_template.json, processor_config.json,
  // tokenizer_config.json, then the built-in one of `model_type` (config.json's).
  static Result<ChatTemplate> load(const std::filesystem::path& dir, std::string_view model_type);
  // Syntax errors name the line.
  static Result<ChatTemplate> parse(std::string source, std::string name = "template");

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  Result<Rendered> render(std::span<const Message> messages, const RenderOptions& options) const;
  // The same with the template's own JSON (tests, parity).
  Result<Rendered> render_json(const Json& messages, const RenderOptions& options) const;

  const std::string& source() const;
  const std::string& origin() const;  // file it came from, or "built-in glm4v"

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace glmv::text
