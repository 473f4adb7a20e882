#include "tests/web/scripts.h"

#include <chrono>
#include <thread>
#include <vector>

#include "glmv/base/files.h"

namespace glmv::page {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Script script_of(const Json& json) {
  Script script;
  script.think = json.value("think", "");
  script.text = json.value("text", "");
  script.delay_ms = json.value("delayMs", script.delay_ms);
  script.finish = json.value("finish", script.finish);
  script.stop_reason = json.value("stopReason", "");
  script.restated = json.value("restated", false);
  script.fail_after = json.value("failAfter", -1);
  script.cut_after = json.value("cutAfter", -1);
  script.prefill_ms = json.value("prefillMs", 0);
  if (json.contains("status")) {
    const Json& status = json["status"];
    script.status = status.value("http", 500);
    script.code = status.value("code", "");
    script.message = status.value("message", "");
    script.retry_after_s = status.value("retryAfter", 0);
  }
  return script;
}

// Words with the blanks before them.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> tokens;
  bool in_word = true;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t';
    if (tokens.empty() || (blank && in_word)) tokens.emplace_back();
    tokens.back() += c;
    in_word = !blank;
  }
  return tokens;
}

const text::Message* last_of_user(const api::ChatRequest& request) {
  for (size_t i = request.messages.size(); i-- > 0;) {
    if (request.messages[i].role == "user") return &request.messages[i];
  }
  return nullptr;
}

bool has(const text::Message& message, text::PartKind kind) {
  for (const text::ContentPart& part : message.content) {
    if (part.kind == kind) return true;
  }
  return false;
}

// One reply on its way.
class Telling {
 public:
  Telling(const Script& script, const api::ChatRequest& request, const api::OnChunk& on_chunk)
      : script_(script), request_(request), on_chunk_(on_chunk) {
    reply_.usage = cost_of(request);
    reply_.restated = script.restated;
    reply_.finish_reason = script.stop_reason.empty() ? script.finish : script.stop_reason;
  }

  Result<api::ChatReply> run() {
    for (int i = 1; i <= 5 && script_.prefill_ms > 0; ++i) {
      const char* const phase = i < 3 ? "vision" : "prefill";
      if (!tell({.progress_phase = phase, .progress_done = i * 200, .progress_total = 1000},
                script_.prefill_ms / 5))
        return cancelled();
    }
    if (request_.thinking != api::Thinking::kOff) {
      for (const std::string& token : tokens_of(script_.think)) {
        if (request_.end_thinking && *request_.end_thinking) break;
        reply_.reasoning += token;
        ++reply_.usage.reasoning_tokens;
        if (!step({.reasoning = token})) return cancelled();
      }
    }
    int told = 0;
    for (const std::string& token : tokens_of(script_.text)) {
      if (script_.fail_after >= 0 && told++ > script_.fail_after) {
        return internal_error("a step of the engine gave no finite numbers");
      }
      reply_.content += token;
      if (!step({.content = token})) return cancelled();
    }
    return finished();
  }

 private:
  bool step(const api::ChatChunk& chunk) {
    ++reply_.usage.completion_tokens;
    if (reply_.usage.completion_tokens == 1) reply_.timings.time_to_first_token_ms = elapsed_ms();
    return tell(chunk, script_.delay_ms);
  }
  // Waits, looking whether it is still wanted.
  bool tell(const api::ChatChunk& chunk, int wait_ms) {
    if (!on_chunk_(chunk)) return false;
    const auto until = Clock::now() + std::chrono::milliseconds(wait_ms);
    for (auto now = Clock::now(); now < until; now = Clock::now()) {
      std::this_thread::sleep_for(std::min<Clock::duration>(until - now, 20ms));
      if (!on_chunk_({})) return false;
    }
    return true;
  }
  double elapsed_ms() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
  }
  api::ChatReply finished() {
    reply_.timings.decode_ms = elapsed_ms();
    return std::move(reply_);
  }
  api::ChatReply cancelled() {
    reply_.finish_reason = "cancelled";
    return finished();
  }

  const Script& script_;
  const api::ChatRequest& request_;
  const api::OnChunk& on_chunk_;
  const Clock::time_point start_ = Clock::now();
  api::ChatReply reply_;
};

}  // namespace

Result<Scripts> Scripts::read(const std::string& path) {
  GLMV_ASSIGN(const std::string text, read_file(path));
  GLMV_ASSIGN(const Json json, parse_json(text, path));
  Scripts scripts;
  for (const auto& [name, script] : json.at("scripts").items()) {
    scripts.scripts_.emplace(name, script_of(script));
  }
  scripts.picture_ = script_of(json.at("picture"));
  scripts.continued_ = script_of(json.at("continued"));
  return scripts;
}

const Script* Scripts::named(std::string_view text) const {
  for (const auto& [name, script] : scripts_) {
    if (text.find(name) != text.npos) return &script;
  }
  return nullptr;
}

Script Scripts::choose(const api::ChatRequest& request) const {
  if (request.continue_final_message) return continued_;
  const text::Message* const message = last_of_user(request);
  if (message == nullptr) return {};
  const std::string text = message->text();
  if (const size_t echo = text.find("echo:"); echo != text.npos) {
    return {.text = text.substr(echo + 5), .delay_ms = 1};
  }
  if (const Script* const script = named(text)) return *script;
  if (has(*message, text::PartKind::kVideo)) return scripts_.at("script:timeline");
  if (has(*message, text::PartKind::kImage)) return picture_;
  size_t most = std::min<size_t>(text.size(), 200);
  while (most > 0 && most < text.size() && (text[most] & 0xC0) == 0x80) --most;
  return {.think = "A short question. I answer it in one sentence.",
          .text = "You wrote: " + text.substr(0, most)};
}

api::ChatUsage cost_of(const api::ChatRequest& request) {
  constexpr int64_t kPixelsOfToken = 784;
  api::ChatUsage usage;
  for (const text::Message& message : request.messages) {
    usage.prompt_tokens += 4 + std::ssize(message.text()) / 4;
    for (const text::ContentPart& part : message.content) {
      for (const RgbPixels& picture : part.pixels) {
        usage.image_tokens += 1 + int64_t{picture.width} * picture.height / kPixelsOfToken;
      }
    }
  }
  usage.prompt_tokens += usage.image_tokens;
  return usage;
}

Result<api::ChatReply> ScriptBackend::chat(const api::ChatRequest& request,
                                           const api::OnChunk& on_chunk) {
  const std::function<bool(const api::ChatChunk&)> none = [](const api::ChatChunk&) {
    return true;
  };
  const Script script = scripts_.choose(request);
  return Telling(script, request, on_chunk ? on_chunk : none).run();
}

}  // namespace glmv::page
