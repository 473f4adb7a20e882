// A server whose model says what the question tells it to: for clients that are tested for every form
// of reply, and for the time that everything but the model takes.
//
//   glmv_scripted_server MODEL_FOLDER      tokenizer and template are taken from it
//
// The last "SCRIPT:" of the prompt begins the reply, which ends with the prompt's last turn:
//   SCRIPT:<think>hm</think>Hello      special tokens by their names
//   SCRIPT[5]:slowly                   5 ms a token

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <semaphore>
#include <thread>

#include "glmv/chat/local_backend.h"
#include "glmv/net/http_server.h"
#include "glmv/runtime/engine_internal.h"
#include "glmv/server/server.h"

namespace glmv {
namespace {

class ScriptRunner final : public runtime::ModelRunner {
 public:
  explicit ScriptRunner(std::shared_ptr<const processing::Processor> processor, int64_t vocab_size)
      : processor_(std::move(processor)), vocab_size_(vocab_size) {}

  int64_t vocab_size() const override { return vocab_size_; }

  std::optional<Start> start(runtime::Sequence& sequence) override {
    if (!sequence.runner_state) sequence.runner_state = std::make_unique<State>(*this, sequence);
    Start start;
    for (size_t i = 0; i < sequence.request.input.media.size(); ++i) start.media_left.push_back(i);
    return start;
  }
  bool reserve(runtime::Sequence&) override { return true; }
  void preempt(runtime::Sequence&) override {}
  bool encode_medium(runtime::Sequence&, const std::function<bool(double)>& progress) override {
    return progress(1);
  }

  std::vector<float> prefill(runtime::Sequence& sequence, int64_t num_tokens) override {
    if (sequence.num_computed + num_tokens < sequence.num_tokens()) return {};
    return logits(sequence);
  }
  std::vector<float> decode(std::span<runtime::Sequence* const> sequences) override {
    std::vector<float> all;
    std::chrono::milliseconds delay{0};
    for (runtime::Sequence* sequence : sequences) {
      delay = std::max(delay, state(*sequence).delay);
      const std::vector<float> row = logits(*sequence);
      all.insert(all.end(), row.begin(), row.end());
    }
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    return all;
  }

 private:
  struct State final : runtime::RunnerState {
    State(const ScriptRunner& runner, const runtime::Sequence& sequence)
        : prompt_tokens(sequence.num_tokens()) {
      const text::Tokenizer& tokenizer = runner.processor_->tokenizer();
      const std::string prompt = tokenizer.decode(sequence.tokens);
      size_t at = prompt.rfind("SCRIPT");
      if (at == prompt.npos) return;
      const size_t colon = prompt.find(':', at);
      if (colon == prompt.npos) return;
      if (prompt[at + 6] == '[') {
        int ms = 0;
        std::from_chars(prompt.data() + at + 7, prompt.data() + colon, ms);
        delay = std::chrono::milliseconds(ms);
      }
      std::string text = prompt.substr(colon + 1);
      // The template goes on behind the question.
      text = text.substr(0, std::min({text.find("<|assistant|>"), text.find("/nothink<|assistant|>"), text.size()}));
      if (auto ids = tokenizer.encode(text)) script = std::move(*ids);
    }
    int64_t prompt_tokens;
    std::vector<int32_t> script;
    std::chrono::milliseconds delay{0};
  };

  static State& state(runtime::Sequence& sequence) {
    return static_cast<State&>(*sequence.runner_state);
  }

  std::vector<float> logits(runtime::Sequence& sequence) const {
    std::vector<float> row(static_cast<size_t>(vocab_size_), -20.0f);
    State& s = state(sequence);
    const int64_t next = sequence.num_tokens() - s.prompt_tokens;
    const bool more = next < std::ssize(s.script);
    const int32_t end = processor_->tokenizer().token_id("<|user|>").value_or(0);
    row[static_cast<size_t>(more ? s.script[next] : end)] = 20.0f;
    return row;
  }

  const std::shared_ptr<const processing::Processor> processor_;
  const int64_t vocab_size_;
};

std::binary_semaphore ended{0};

Result<void> serve(const std::filesystem::path& folder) {
  GLMV_ASSIGN(checkpoint::ModelConfig config, checkpoint::read_model_config(folder));
  GLMV_ASSIGN(checkpoint::GenerationConfig defaults,
              checkpoint::read_generation_config(folder, config));
  GLMV_ASSIGN(processing::Processor loaded, processing::Processor::load(folder));
  const auto processor = std::make_shared<const processing::Processor>(std::move(loaded));
  config.text.max_position_embeddings = 65536;
  runtime::EngineSetup setup;
  setup.config = config;
  setup.options.max_running_requests = 64;
  setup.eos_ids.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
  setup.token_bytes = [processor](int32_t id) {
    return std::string(processor->tokenizer().token_bytes(id));
  };
  GLMV_ASSIGN(auto engine, runtime::make_engine(
                               std::make_unique<ScriptRunner>(processor, config.text.vocab_size), setup));
  chat::LocalBackend backend(std::move(engine), processor, defaults);
  server::Server server({.model = "scripted", .max_requests = 512},
                        {.max_context_tokens = config.text.max_position_embeddings,
                         .fingerprint = "glmv-scripted", .family = "glm4v"},
                        backend, backend);
  GLMV_ASSIGN(const auto http,
              net::HttpServer::start(
                  {.max_handlers = 600},
                  [&server](const net::HttpRequest& request, net::HttpReply& reply) {
                    server.handle(request, reply);
                  },
                  [](int status, const std::string& message) {
                    return server::wire_text(to_json(server::ApiError{status, "invalid_request", message, "", 0}));
                  }));
  fmt::print(stderr, "serving scripted on http://127.0.0.1:{}\n", http->port());
  ended.acquire();
  return {};
}

}  // namespace
}  // namespace glmv

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: glmv_scripted_server MODEL_FOLDER\n");
    return 2;
  }
  const auto stop = [](int) { glmv::ended.release(); };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  const auto done = glmv::serve(argv[1]);
  if (!done) fmt::print(stderr, "{}\n", done.error().message);
  return done ? 0 : 1;
}
