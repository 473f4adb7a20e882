// glmv ask: one question, one answer.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "apps/glmv/box_drawing.h"
#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/document_flags.h"
#include "apps/glmv/load_backend.h"
#include "apps/glmv/reply_printer.h"
#include "apps/glmv/standard_output.h"
#include "apps/glmv/video_flags.h"
#include "glmv/api/chat_json.h"
#include "glmv/base/texts.h"

namespace glmv::app {
namespace {

struct AskFlags {
  ModelFlags model;
  ChatFlags chat;
  std::vector<std::string> prompt;
  std::vector<std::string> images;
  std::vector<std::string> frames;
  std::vector<double> frame_times_s;
  VideoFlags video;
  DocumentFlags documents;
  std::string messages;
  bool json = false;
  bool raw = false;
  bool quiet = false;
  bool no_stream = false;
  std::string show_thought = "auto";
  std::string save_boxes;
};

bool has_media(const AskFlags& flags) {
  return !flags.images.empty() || !flags.frames.empty() || !flags.video.videos.empty() ||
         !flags.documents.documents.empty();
}

Result<std::string> read_prompt(const AskFlags& flags) {
  std::string prompt;
  for (const std::string& word : flags.prompt) prompt += (prompt.empty() ? "" : " ") + word;
  const bool from_stdin = prompt == "-" || (prompt.empty() && ::isatty(STDIN_FILENO) == 0);
  if (from_stdin) {
    prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
    while (!prompt.empty() && prompt.back() == '\n') prompt.pop_back();
  }
  if (prompt.empty() && !has_media(flags)) {
    return invalid_argument("{}", tr("nothing to ask: glmv ask -i PICTURE \"QUESTION\""));
  }
  return prompt;
}

Result<text::Message> user_message(const AskFlags& flags, std::string prompt) {
  text::Message message = text::Message::user("");
  message.content.clear();
  for (const std::string& path : flags.images) {
    message.content.push_back({.kind = text::PartKind::kImage, .source = path});
  }
  GLMV_ASSIGN(std::vector<text::ContentPart> videos, video_parts(flags.video));
  std::ranges::move(videos, std::back_inserter(message.content));
  GLMV_ASSIGN(std::vector<text::ContentPart> documents, document_parts(flags.documents));
  std::ranges::move(documents, std::back_inserter(message.content));
  if (!flags.frames.empty()) {
    message.content.push_back({.kind = text::PartKind::kVideo,
                               .frames = flags.frames,
                               .frame_times_s = flags.frame_times_s,
                               .fps = flags.video.fps});
  }
  message.content_is_string = message.content.empty();
  if (!prompt.empty()) {
    message.content.push_back({.kind = text::PartKind::kText, .text = std::move(prompt)});
  }
  return message;
}

// The conversation so far: from --messages, and the question of the command line after it.
Result<std::vector<text::Message>> conversation(const AskFlags& flags) {
  std::vector<text::Message> messages;
  const bool question = !flags.prompt.empty() || has_media(flags);
  if (!flags.messages.empty()) {
    GLMV_ASSIGN(const Json json, read_json_file(flags.messages));
    auto parsed = text::parse_messages(
        json.is_object() && json.contains("messages") ? json["messages"] : json);
    if (!parsed) return in_context(flags.messages, parsed.error());
    messages = std::move(*parsed);
    if (!question) return messages;
  }
  GLMV_ASSIGN(std::string prompt, read_prompt(flags));
  GLMV_ASSIGN(text::Message message, user_message(flags, std::move(prompt)));
  messages.push_back(std::move(message));
  return messages;
}

// All pictures, in prompt order.
std::vector<text::ContentPart> pictures(const std::vector<text::Message>& messages) {
  std::vector<text::ContentPart> parts;
  for (const text::Message& message : messages) {
    for (const text::ContentPart& part : message.content) {
      if (part.kind == text::PartKind::kImage) parts.push_back(part);
    }
  }
  return parts;
}

Result<ShowThought> thought_mode(const AskFlags& flags) {
  if (flags.show_thought == "full") return ShowThought::kFull;
  if (flags.show_thought == "hide") return ShowThought::kHide;
  if (flags.show_thought == "fold") return ShowThought::kFold;
  return ::isatty(STDOUT_FILENO) == 1 ? ShowThought::kFold : ShowThought::kHide;
}

Result<int> run_ask(const AskFlags& flags) {
  GLMV_ASSIGN(api::ChatRequest request, chat_request(flags.chat));
  GLMV_ASSIGN(const std::vector<text::Message> messages, conversation(flags));
  request.messages.insert(request.messages.end(), messages.begin(), messages.end());
  GLMV_ASSIGN(const ShowThought thought, thought_mode(flags));
  const auto decoder = limited_decoder();
  ModelFlags model = flags.model;
  model.engine.media_cache_mb = 0;  // nothing is asked a second time
  GLMV_ASSIGN(const auto backend, load_backend(model, decoder));

  const bool stream = !flags.json && !flags.raw && !flags.no_stream;
  const bool terminal = wants_colour(STDERR_FILENO);
  ReplyPrinter printer({.thought = thought,
                        .colour = wants_colour(STDOUT_FILENO),
                        .terminal = ::isatty(STDOUT_FILENO) == 1,
                        .progress = terminal && !flags.quiet,
                        .stats = terminal && !flags.quiet && !flags.json});
  catch_interrupts();
  // Boxes are drawn on what the model sees.
  const auto on_page = [&](const api::ChatChunk& chunk) {
    printer.on_chunk(chunk);
    return !interrupted();
  };
  GLMV_ASSIGN(request.messages, backend->with_pages(request.messages, request.max_pixels, on_page));
  GLMV_ASSIGN(const api::ChatReply reply, backend->chat(request, [&](const api::ChatChunk& chunk) {
    if (stream || !chunk.progress_phase.empty()) printer.on_chunk(chunk);
    return !interrupted();
  }));
  if (flags.json) {
    fmt::print("{}\n", api::to_json(reply).dump());
  } else if (flags.raw) {
    fmt::print("{}\n", text_for(STDOUT_FILENO, reply.raw_text));
  } else if (flags.no_stream) {
    fmt::print("{}\n", text_for(STDOUT_FILENO, reply.content));
  }
  printer.finish(reply);
  if (!flags.save_boxes.empty()) {
    GLMV_RETURN_IF_ERROR(
        save_boxes(reply, pictures(request.messages), decoder.get(), flags.save_boxes));
    if (!flags.quiet && !flags.json) {
      const auto count = static_cast<int64_t>(reply.boxes.size());
      fmt::print(
          stderr, "{}\n",
          tr_format("{} drawn to {}", tr_count(count, "{} box", "{} boxes"), flags.save_boxes));
    }
  }
  return reply.finish_reason == "cancelled" ? kExitInterrupted : 0;
}

}  // namespace

void add_ask(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<AskFlags>();
  add_model_flags(command, flags->model);
  add_server_flags(command, flags->model);
  add_chat_flags(command, flags->chat);
  command.add_option("prompt", flags->prompt, "the question; - or a pipe: from stdin");
  command.add_option("-i,--image", flags->images, "picture, repeatable")
      ->group("Input")
      ->allow_extra_args(false);
  command
      .add_option("--messages", flags->messages,
                  "JSON file with a conversation in OpenAI's form, before the question")
      ->group("Input");
  add_video_flags(command, flags->video);
  add_document_flags(command, flags->documents);
  command.add_option("--frame-images", flags->frames, "frame pictures of one video, in order")
      ->group("Video");
  command.add_option("--frame-times", flags->frame_times_s, "seconds of each of them")
      ->group("Video");
  const std::string output = "Output";
  command.add_flag("--json", flags->json, "one JSON object with everything")->group(output);
  command.add_flag("--raw", flags->raw, "the output with all its tags")->group(output);
  command.add_option("--logprobs", flags->chat.logprobs, "with --json: the N best per token")
      ->group(output);
  command.add_flag("--no-stream", flags->no_stream, "print the answer when it is complete")
      ->group(output);
  command.add_option("--show-think", flags->show_thought, "fold, full or hide")
      ->check(CLI::IsMember({"auto", "fold", "full", "hide"}))
      ->group(output);
  command.add_option("--save-boxes", flags->save_boxes, "PNG: the picture with the answer's boxes")
      ->group(output);
  command.add_flag("-q,--quiet", flags->quiet, "no progress, no figures")->group(output);
  command.callback([flags, &exit_code] { exit_code = report(run_ask(*flags)); });
}

}  // namespace glmv::app
