#include "glmv/chat/self_check.h"

#include <fmt/ranges.h>

#include <chrono>
#include <cmath>

#include "glmv/base/json.h"
#include "glmv/media/base64.h"
#include "glmv/media/image.h"
#include "glmv/media/png_writer.h"

namespace glmv::chat {
namespace {

constexpr int kSize = 112;  // pixels
constexpr int64_t kNewTokens = 4;
// Two log probabilities that close may change places when rows are multiplied in another grouping.
constexpr float kNearTie = 0.1f;

// A red circle, or a blue square in a corner, on white, as a data: URL.
Result<std::string> draw(bool circle) {
  media::Image image{.width = kSize, .height = kSize};
  image.data.resize(size_t{3} * kSize * kSize);
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x < kSize; ++x) {
      const double dx = x - kSize / 2.0, dy = y - kSize / 2.0;
      const bool inside = circle ? dx * dx + dy * dy < 30.0 * 30.0 : x < 40 && y < 40;
      uint8_t* pixel = image.pixel(x, y);
      pixel[0] = inside && !circle ? 30 : inside ? 220 : 255;
      pixel[1] = inside ? 30 : 255;
      pixel[2] = inside && circle ? 30 : inside ? 220 : 255;
    }
  }
  GLMV_ASSIGN(const std::string png, media::encode_png(image));
  return "data:image/png;base64," + media::encode_base64(png);
}

Result<api::ChatReply> ask(api::ChatBackend& backend, const SelfTestCase& test, bool circle) {
  GLMV_ASSIGN(std::string picture, draw(circle));
  text::Message message{.role = "user", .content_is_string = false};
  message.content.push_back({.kind = text::PartKind::kImage, .source = std::move(picture)});
  message.content.push_back({.kind = text::PartKind::kText, .text = test.question});
  api::ChatRequest request;
  request.messages.push_back(std::move(message));
  request.temperature = 0;
  request.repetition_penalty = 1;
  request.logprobs = true;
  request.top_logprobs = 2;
  request.max_tokens = test.output_ids.empty() ? kNewTokens : std::ssize(test.output_ids);
  return backend.chat(request, {});
}

bool all_finite(const api::ChatReply& reply) {
  for (const api::LogprobEntry& entry : reply.logprobs) {
    if (!std::isfinite(entry.logprob)) return false;
  }
  return true;
}

// The same tokens, up to one where two were as likely.
bool same_answer(const api::ChatReply& a, const api::ChatReply& b) {
  const size_t n = std::min(a.output_ids.size(), b.output_ids.size());
  for (size_t i = 0; i < n; ++i) {
    if (a.output_ids[i] == b.output_ids[i]) continue;
    if (i >= a.logprobs.size()) return false;
    const std::vector<api::LogprobEntry>& best = a.logprobs[i].top;
    return best.size() == 2 && best[0].logprob - best[1].logprob < kNearTie;
  }
  return a.output_ids.size() == b.output_ids.size();
}

bool same_logprobs(const api::ChatReply& a, const api::ChatReply& b) {
  if (a.logprobs.empty() || b.logprobs.empty()) return a.logprobs.size() == b.logprobs.size();
  const api::LogprobEntry &x = a.logprobs[0], &y = b.logprobs[0];
  return x.token_id == y.token_id && x.logprob == y.logprob;
}

void run_checks(api::ChatBackend& backend, const SelfTestCase& test, SelfTestReport& report) {
  const auto check = [&report](std::string name, bool ok, std::string detail) {
    report.checks.push_back({std::move(name), ok, std::move(detail)});
    return ok;
  };
  const auto first = ask(backend, test, true);
  if (!check("answers", first.has_value(),
             first ? fmt::format("{} prompt tokens, {} new ones", first->usage.prompt_tokens,
                                 first->output_ids.size())
                   : first.error().message)) {
    return;
  }
  check("finite", all_finite(*first), "log probabilities of the answer");
  const auto again = ask(backend, test, true);
  check("repeatable", again && same_answer(*first, *again),
        !again ? again.error().message
               : fmt::format("tokens [{}] and [{}]", fmt::join(first->output_ids, ", "),
                             fmt::join(again->output_ids, ", ")));
  const auto other = ask(backend, test, false);
  const bool seen = other && !same_logprobs(*first, *other);
  check("sees pictures", seen,
        !other ? other.error().message
        : seen ? "another picture changes the answer's probabilities"
               : "another picture changes nothing: do the weights hold a vision tower?");
  if (test.output_ids.empty()) return;
  check("known answer", first->output_ids == test.output_ids,
        fmt::format("tokens [{}], known are [{}]", fmt::join(first->output_ids, ", "),
                    fmt::join(test.output_ids, ", ")));
}

}  // namespace

Result<SelfTestCase> read_self_test(const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / "self_test.json";
  SelfTestCase test;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return test;
  GLMV_ASSIGN(const Json json, read_json_file(path));
  const auto question = json.find("question");
  const auto ids = json.find("output_ids");
  if (!json.is_object() || question == json.end() || !question->is_string() || ids == json.end() ||
      !ids->is_array()) {
    return invalid_argument("{}: must be {{\"question\": text, \"output_ids\": [ids]}}",
                            path.string());
  }
  test.question = question->get<std::string>();
  for (const Json& id : *ids) {
    if (!id.is_number_integer())
      return invalid_argument("{}: output_ids must hold ids", path.string());
    test.output_ids.push_back(id.get<int32_t>());
  }
  return test;
}

bool SelfTestReport::ok() const { return problem().empty(); }

std::string SelfTestReport::problem() const {
  for (const Check& check : checks) {
    if (!check.ok) return fmt::format("the self-test \"{}\" failed: {}", check.name, check.detail);
  }
  return {};
}

SelfTestReport self_test(api::ChatBackend& backend, const SelfTestCase& test) {
  const auto start = std::chrono::steady_clock::now();
  SelfTestReport report;
  run_checks(backend, test, report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

SelfTestReport self_test(api::ChatBackend& backend, const runtime::EngineOptions& options) {
  auto test = read_self_test(options.model_dir);
  if (!test) return {.checks = {{"self_test.json", false, test.error().message}}};
  const bool exact = options.quantize == "none" && options.quantize_vision == "none" &&
                     options.activations == "bf16" && options.kv_cache_dtype == "auto" &&
                     options.load_format == "auto" && options.gguf.empty();
  if (!exact) test->output_ids.clear();
  return self_test(backend, *test);
}

}  // namespace glmv::chat
