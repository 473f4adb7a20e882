// A server whose model says what the question tells it to: for clients that are tested for every
// form of reply, and for the time that everything but the model takes.
//
//   glmv_scripted_server MODEL_FOLDER [--help]      tokenizer and template are taken from it
//
// The last "SCRIPT:" of the prompt begins the reply, which ends with the message:
//   SCRIPT:<think>hm</think>Hello      special tokens by their names
//   SCRIPT[5]:slowly                   5 ms a token
//   SCRIPT[0,7]:Hello                  cut into other tokens than the usual ones, by this seed
//   SCRIPT*3:ab                        "ababab"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <random>
#include <semaphore>
#include <thread>

#include "glmv/chat/local_backend.h"
#include "glmv/net/http_server.h"
#include "glmv/runtime/engine_internal.h"
#include "glmv/server/server.h"

namespace glmv {
namespace {

struct Script {
  std::vector<int32_t> ids;
  std::chrono::milliseconds delay{0};
};

// `text` in pieces that end between characters; the same for the same seed.
std::vector<std::string> cut(const std::string& text, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string> pieces(1);
  for (const char c : text) {
    const bool begins_character = (c & 0xC0) != 0x80;
    if (begins_character && random() % 4 == 0 && !pieces.back().empty()) pieces.emplace_back();
    pieces.back() += c;
  }
  return pieces;
}

// The number at `at`, which it moves behind it; 0 where there is none.
uint32_t number(const std::string& text, size_t& at) {
  uint32_t value = 0;
  at = std::from_chars(text.data() + at, text.data() + text.size(), value).ptr - text.data();
  return value;
}

Script read_script(const text::Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  constexpr std::string_view kWord = "SCRIPT";
  Script script;
  const std::string prompt = tokenizer.decode(tokens);
  size_t at = prompt.rfind(kWord);
  const size_t colon = at == prompt.npos ? at : prompt.find(':', at);
  if (colon == prompt.npos) return script;
  at += kWord.size();
  uint32_t seed = 0, times = 1;
  if (prompt[at] == '[') {
    script.delay = std::chrono::milliseconds(number(prompt, ++at));
    if (prompt[at] == ',') seed = number(prompt, ++at);
    if (prompt[at] == ']') ++at;
  }
  if (prompt[at] == '*') times = number(prompt, ++at);
  std::string text = prompt.substr(colon + 1);
  // The template goes on behind the message.
  for (const std::string_view end : {"<|assistant|>", "\n</tool_response>"}) {
    text = text.substr(0, text.find(end));
  }
  for (const std::string& piece : seed == 0 ? std::vector{text} : cut(text, seed)) {
    if (auto ids = tokenizer.encode(piece))
      script.ids.insert(script.ids.end(), ids->begin(), ids->end());
  }
  const std::vector<int32_t> once = script.ids;
  for (uint32_t i = 1; i < times; ++i)
    script.ids.insert(script.ids.end(), once.begin(), once.end());
  return script;
}

class ScriptRunner final : public runtime::ModelRunner {
 public:
  explicit ScriptRunner(std::shared_ptr<const processing::Processor> processor, int64_t vocab_size)
      : processor_(std::move(processor)),
        vocab_size_(vocab_size),
        end_id_(processor_->tokenizer().token_id("<|user|>").value_or(0)),
        other_logits_(static_cast<size_t>(vocab_size)) {
    // As uneven as a model's, and not so low that sampling may leave them out: how long it takes
    // depends on both.
    std::mt19937 random(1);
    std::normal_distribution<float> normal(-10, 2);
    for (float& logit : other_logits_) logit = normal(random);
  }

  int64_t vocab_size() const override { return vocab_size_; }

  std::optional<Start> start(runtime::Sequence& sequence, int64_t) override {
    if (!sequence.runner_state) sequence.runner_state = std::make_unique<State>(*this, sequence);
    Start start;
    for (size_t i = 0; i < sequence.request.input.media.size(); ++i) start.media_left.push_back(i);
    return start;
  }
  bool reserve(runtime::Sequence&) override { return true; }
  void preempt(runtime::Sequence&) override {}
  bool encode_medium(runtime::Sequence&, const std::function<Encoding(double)>& progress) override {
    return progress(1) != Encoding::kStop;
  }

  std::vector<float> prefill(runtime::Sequence& sequence, int64_t num_tokens) override {
    if (sequence.num_computed + num_tokens < sequence.num_tokens()) return {};
    std::vector<float> row;
    add_logits(sequence, row);
    return row;
  }
  std::vector<float> decode(std::span<runtime::Sequence* const> sequences) override {
    std::vector<float> rows;
    rows.reserve(sequences.size() * static_cast<size_t>(vocab_size_));
    std::chrono::milliseconds delay{0};
    for (runtime::Sequence* sequence : sequences) {
      delay = std::max(delay, state(*sequence).script.delay);
      add_logits(*sequence, rows);
    }
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    return rows;
  }

 private:
  struct State final : runtime::RunnerState {
    State(const ScriptRunner& runner, const runtime::Sequence& sequence)
        : prompt_tokens(sequence.num_tokens()),
          script(read_script(runner.processor_->tokenizer(), sequence.tokens)) {}
    const int64_t prompt_tokens;
    const Script script;
  };

  static State& state(runtime::Sequence& sequence) {
    return static_cast<State&>(*sequence.runner_state);
  }

  void add_logits(runtime::Sequence& sequence, std::vector<float>& rows) const {
    const State& s = state(sequence);
    const int64_t next = sequence.num_tokens() - s.prompt_tokens;
    const bool more = next < std::ssize(s.script.ids);
    const size_t row = rows.size();
    rows.insert(rows.end(), other_logits_.begin(), other_logits_.end());
    rows[row + static_cast<size_t>(more ? s.script.ids[next] : end_id_)] = 20.0f;
  }

  const std::shared_ptr<const processing::Processor> processor_;
  const int64_t vocab_size_;
  const int32_t end_id_;
  std::vector<float> other_logits_;
};

std::binary_semaphore ended{0};

struct Flags {
  std::string folder;
  int64_t vocab_size = 0;
  net::HttpServerOptions http{.max_handlers = 600};
  server::ServerOptions server{.model = "scripted", .max_requests = 512};
};

Result<void> serve(const Flags& flags) {
  const std::filesystem::path folder = flags.folder;
  GLMV_ASSIGN(checkpoint::ModelConfig config, checkpoint::read_model_config(folder));
  GLMV_ASSIGN(checkpoint::GenerationConfig defaults,
              checkpoint::read_generation_config(folder, config));
  GLMV_ASSIGN(processing::Processor loaded, processing::Processor::load(folder));
  const auto processor = std::make_shared<const processing::Processor>(std::move(loaded));
  config.text.max_position_embeddings = 65536;
  const int64_t real_vocab_size = config.text.vocab_size;
  config.text.vocab_size = std::max<int64_t>(flags.vocab_size, config.text.vocab_size);
  runtime::EngineSetup setup;
  setup.config = config;
  setup.options.max_running_requests = 64;
  setup.eos_ids.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
  // Ids beyond the tokenizer's stand for words too, so that they are not masked.
  setup.token_bytes = [processor, real_vocab_size](int32_t id) {
    return id < real_vocab_size ? std::string(processor->tokenizer().token_bytes(id)) : "?";
  };
  GLMV_ASSIGN(auto engine,
              runtime::make_engine(
                  std::make_unique<ScriptRunner>(processor, config.text.vocab_size), setup));
  chat::LocalBackend backend(std::move(engine), processor, defaults);
  server::Server server(flags.server,
                        {.max_context_tokens = config.text.max_position_embeddings,
                         .fingerprint = "glmv-scripted",
                         .family = "glm4v"},
                        backend, backend);
  GLMV_ASSIGN(const auto http,
              net::HttpServer::start(
                  flags.http,
                  [&server](const net::HttpRequest& request, net::HttpReply& reply) {
                    server.handle(request, reply);
                  },
                  [&server](int status, const std::string& message, const net::HttpRequest& head) {
                    return server.unread(status, message, head);
                  }));
  fmt::print(stderr, "serving scripted on http://127.0.0.1:{}\n", http->port());
  ended.acquire();
  server.start_draining();
  while (http->num_handlers() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  http->drain(std::chrono::seconds(30));
  return {};
}

}  // namespace
}  // namespace glmv

int main(int argc, char** argv) {
  glmv::Flags flags;
  CLI::App app("a server whose replies are scripted");
  app.add_option("folder", flags.folder, "of tokenizer and template")->required();
  app.add_option("--port", flags.http.port, "0: any free one")->capture_default_str();
  app.add_option("--vocab", flags.vocab_size,
                 "logits of a step, at least those of the folder's model");
  app.add_option("--api-key", flags.server.api_keys, "ask for this key");
  app.add_option("--key-requests-per-minute", flags.server.key_limits.requests_per_minute,
                 "of each key; others get 429");
  app.add_option("--allowed-hosts", flags.server.allowed_hosts, "names in the Host header");
  app.add_option("--max-queue", flags.server.max_requests, "others get 503")->capture_default_str();
  app.add_option("--max-body", flags.http.max_body_bytes, "bytes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto stop = [](int) { glmv::ended.release(); };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  const auto done = glmv::serve(flags);
  if (!done) fmt::print(stderr, "{}\n", done.error().message);
  return done ? 0 : 1;
}
