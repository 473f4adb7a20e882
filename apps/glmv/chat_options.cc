#include "apps/glmv/chat_options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>

#include "apps/glmv/command.h"
#include "glmv/api/chat_client.h"
#include "glmv/base/cpus.h"
#include "glmv/base/files.h"
#include "glmv/base/texts.h"

namespace glmv::app {
namespace {

Result<std::pair<int32_t, double>> parse_bias(const std::string& text) {
  const size_t colon = text.find(':');
  int32_t id = 0;
  double bias = 0;
  const char* end = text.data() + text.size();
  if (colon == std::string::npos ||
      std::from_chars(text.data(), text.data() + colon, id).ptr != text.data() + colon ||
      std::from_chars(text.data() + colon + 1, end, bias).ptr != end) {
    return invalid_argument("--logit-bias \"{}\": write TOKEN_ID:BIAS, as in 42:-100", text);
  }
  return std::pair(id, bias);
}

}  // namespace

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  const std::string group = "Model", speed = "Speed", memory = "Memory";
  command
      .add_option(
          "-m,--model", flags.model,
          "checkpoint folder, a GGUF file, a name in the cache, or nano, the embedded model "
          "(default)")
      ->type_name("MODEL")
      ->group(group);
  command.add_option("--dtype", flags.engine.dtype, "auto, float32 or bfloat16")
      ->capture_default_str()
      ->group(group);
  command.add_option("--device", flags.engine.device, "cpu, cuda[:i] or npu[:i]")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--quant", flags.engine.quantize,
                  "none, int8 or int4: round BF16 weights while loading")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--quant-vision", flags.engine.quantize_vision,
                  "none or int8: the same for the vision tower, its activations int8 too (faster "
                  "pictures, slightly other rows)")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--act", flags.engine.activations,
                  "activations of quantised weights: bf16 (exact), int8 (faster) or fp8 (as on "
                  "GPUs; fp8 weights only)")
      ->capture_default_str()
      ->group(group);
  command.add_option("--threads", flags.engine.num_threads, "0: all cores, or as many as --cpus")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(speed);
  command.add_option("--cpus", flags.cpus, "cores to stay on, one thread each, as in 0-3,8")
      ->group(speed);
  command
      .add_option("--ctx", flags.engine.max_context_tokens,
                  "context limit in tokens (0: the model's)")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--prefill-chunk", flags.engine.prefill_chunk_tokens, "prompt tokens per step")
      ->capture_default_str()
      ->group(speed);
  command
      .add_option("--max-step-ms", flags.engine.max_step_ms,
                  "while others answer, prompts and pictures are read in steps of about so many "
                  "milliseconds (0: 500 on a CPU, 50 else)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(speed);
  command
      .add_option("--kv-cache-tokens", flags.engine.kv_cache_tokens,
                  "limit of the key/value cache (0: by the free memory)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(memory);
  command
      .add_option("--kv-cache-dtype", flags.engine.kv_cache_dtype,
                  "of keys and values: auto (the model's) or int8 (half the memory)")
      ->capture_default_str()
      ->group(memory);
  command
      .add_flag("!--no-prefix-cache", flags.engine.prefix_cache,
                "read every prompt from its first token")
      ->group(memory);
  command
      .add_option("--prefix-cache-dir", flags.engine.prefix_cache_dir,
                  "folder where prompts leave what was computed of them, for later requests and "
                  "later runs with the same model (default: nowhere)")
      ->group(memory);
  command
      .add_option("--prefix-cache-disk-gb", flags.engine.prefix_cache_disk_gb,
                  "what lies in that folder takes at most so many GB")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(memory);
  command
      .add_option("--encoder-cache-mb", flags.engine.encoder_cache_mb,
                  "encoded pictures kept for later requests with the same ones, in MB (0: none)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(memory);
  command
      .add_option("--media-cache-mb", flags.engine.media_cache_mb,
                  "decoded and resized pictures and videos kept for later turns, in MB (0: none)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(memory);
  command
      .add_option("--draft-tokens", flags.engine.draft_tokens,
                  "tokens guessed at once from what stands in the context already and checked in "
                  "one pass: faster where answers repeat it. auto: as many as pay; 0: none")
      ->transform([](const std::string& text) {
        return text == "auto" ? std::to_string(runtime::kAutoDrafts) : text;
      })
      ->type_name("auto|N")
      ->default_str("auto")
      ->group(speed);
  command
      .add_option("--load-format", flags.engine.load_format,
                  "auto, or dummy: random weights of the config's shapes")
      ->capture_default_str()
      ->group(group);
}

void add_server_flags(CLI::App& command, ModelFlags& flags) {
  const std::string group = "A server as the model (-m http://HOST:PORT/v1)";
  command
      .add_option("--api-key", flags.api_key,
                  "its key (default: $GLMV_API_KEY, else $OPENAI_API_KEY, which others cannot see)")
      ->group(group);
  command
      .add_option("--served-model", flags.served_model,
                  "name of the model there (default: the first that it lists)")
      ->group(group);
  command
      .add_option("--server-timeout", flags.server_timeout_s,
                  "seconds that may pass without a byte from it")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
  command.add_option("--ca-file", flags.ca_file, "PEM with the certificates to trust (https)")
      ->group(group);
}

Result<runtime::EngineOptions> engine_options(const ModelFlags& flags) {
  if (api::is_server_url(flags.model)) {
    return invalid_argument(
        "{}: this command needs the model itself; a server is taken by ask, chat, ground, "
        "video and bench-thinking",
        flags.model);
  }
  runtime::EngineOptions options = flags.engine;
  options.on_warning = [](const std::string& text) {
    fmt::print(stderr, "{}\n", tr_format("warning: {}", text));
  };
  if (!flags.cpus.empty()) {
    GLMV_ASSIGN(options.cpus, parse_cpu_list(flags.cpus));
    GLMV_RETURN_IF_ERROR(bind_thread(options.cpus));  // threads for pictures are its children
    if (options.num_threads == 0) options.num_threads = static_cast<int>(options.cpus.size());
  }
  GLMV_ASSIGN(options.model_dir, model_folder(flags.model, flags.engine.load_format == "dummy"
                                                               ? hub::ModelUse::kFiles
                                                               : hub::ModelUse::kWeights));
  std::error_code error;
  if (options.model_dir.extension() == ".gguf" &&
      !std::filesystem::is_directory(options.model_dir, error)) {
    options.gguf = options.model_dir.filename().string();
    options.model_dir = std::filesystem::absolute(options.model_dir).parent_path();
  }
  return options;
}

std::string served_name(const runtime::EngineOptions& options) {
  if (!options.gguf.empty()) return options.gguf;
  if (const auto repo = hub::repo_of_snapshot(options.model_dir)) return repo->id();
  std::error_code error;  // "." has a name, too
  std::filesystem::path folder = std::filesystem::absolute(options.model_dir, error);
  folder = (error ? options.model_dir : folder).lexically_normal();
  return (folder.filename().empty() ? folder.parent_path() : folder).filename().string();
}

std::string system_fingerprint(const runtime::EngineOptions& options,
                               const runtime::Engine& engine) {
  return fmt::format("glmv-{}-{}-{}", GLMV_VERSION, options.dtype,
                     engine.weights_digest().hex().substr(0, 10));
}

CLI::Option* add_strict_text(CLI::App& command, bool& strict) {
  return command.add_flag("--strict-text", strict,
                          "no token typed in a message counts, not even <think> and box markers");
}

std::vector<std::string> with_bare_think(int argc, const char* const* argv) {
  std::vector<std::string> words(argv, argv + argc);
  for (size_t i = 1; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] != "--think") continue;
    const bool bare = i + 1 == words.size() || words[i + 1].starts_with('-') ||
                      words[i + 1].find_first_of(" ./") != std::string::npos;
    if (bare) words[i] = "--think=on";
  }
  return words;
}

void add_thinking_flags(CLI::App& command, ThinkingFlags& flags, const std::string& group) {
  command.add_option("--think", flags.thinking, "on (also without a word), off or auto")
      ->check(CLI::IsMember({"on", "off", "auto"}))
      ->group(group);
  command
      .add_option("--think-budget", flags.thinking_budget,
                  "tokens of thought before the answer is forced")
      ->group(group);
  command
      .add_flag("--detect-repetition", flags.detect_repetition,
                "stop when the output goes in circles")
      ->group(group);
}

api::Thinking thinking_mode(const ThinkingFlags& flags) {
  if (flags.thinking == "on") return api::Thinking::kOn;
  return flags.thinking == "off" ? api::Thinking::kOff : api::Thinking::kAuto;
}

void add_chat_flags(CLI::App& command, ChatFlags& flags) {
  const std::string sampling = "Sampling (default: the checkpoint's generation_config.json)";
  command.add_option("--temp", flags.temperature, "temperature; 0: greedy")->group(sampling);
  command.add_option("--top-p", flags.top_p, "nucleus mass")->group(sampling);
  command.add_option("--top-k", flags.top_k, "0: off")->group(sampling);
  command.add_option("--min-p", flags.min_p, "share of the best token's probability")
      ->group(sampling);
  command.add_option("--repeat-penalty", flags.repetition_penalty, "1: off")->group(sampling);
  command.add_option("--presence-penalty", flags.presence_penalty)->group(sampling);
  command.add_option("--frequency-penalty", flags.frequency_penalty)->group(sampling);
  command.add_option("--logit-bias", flags.logit_bias, "TOKEN_ID:BIAS, repeatable")
      ->allow_extra_args(false)
      ->group(sampling);
  command.add_option("--seed", flags.seed, "for repeatable sampling")
      ->check(CLI::NonNegativeNumber)
      ->group(sampling);
  const std::string length = "Length and thinking";
  command.add_option("-n,--max-tokens", flags.max_tokens, "new tokens at most")->group(length);
  command.add_option("--stop", flags.stop, "stop string, repeatable")
      ->allow_extra_args(false)
      ->group(length);
  command.add_option("--stop-id", flags.stop_token_ids, "stop token id, repeatable")
      ->allow_extra_args(false)
      ->group(length);
  add_thinking_flags(command, flags, length);
  const std::string form = "Form of the answer (one of)";
  command.add_option("--json-schema", flags.json_schema, "JSON schema, or a file that holds it")
      ->group(form);
  command.add_option("--regex", flags.regex, "regular expression of the whole answer")->group(form);
  command.add_option("--choice", flags.choice, "answers to choose from: a,b,c")->group(form);
  command.add_option("--grammar", flags.grammar, "file with a grammar (GBNF or EBNF)")->group(form);
  const std::string input = "Input";
  command.add_option("-s,--system", flags.system, "system prompt, or @FILE")->group(input);
  command
      .add_option("--max-pixels", flags.max_pixels,
                  "pixels per picture at most: fewer is faster (0: the model's limit)")
      ->group(input);
  auto* const trust = command
                          .add_flag("--trust-special-tokens", flags.trust_special_tokens,
                                    "special tokens typed in the text count as structure")
                          ->group(input);
  add_strict_text(command, flags.strict_text)->excludes(trust)->group(input);
}

namespace {

// None when no flag asks for a form.
Result<std::optional<api::Constraint>> constraint(const ChatFlags& flags) {
  std::vector<api::Constraint> found;
  if (!flags.json_schema.empty()) {
    std::string schema = flags.json_schema;
    if (schema.front() != '{') {
      GLMV_ASSIGN(schema, read_file(schema, 1 << 20));
    }
    found.push_back({api::ConstraintKind::kJsonSchema, std::move(schema), "--json-schema"});
  }
  if (!flags.regex.empty()) found.push_back({api::ConstraintKind::kRegex, flags.regex, "--regex"});
  if (!flags.choice.empty()) {
    const Json choices = CLI::detail::split(flags.choice, ',');
    found.push_back({api::ConstraintKind::kChoice, choices.dump(), "--choice"});
  }
  if (!flags.grammar.empty()) {
    GLMV_ASSIGN(std::string grammar, read_file(flags.grammar, 1 << 20));
    found.push_back({api::ConstraintKind::kGbnf, std::move(grammar), "--grammar"});
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    return invalid_argument("{} and {} both say what the answer looks like: give one of them",
                            found[0].field, found[1].field);
  }
  return std::move(found[0]);
}

}  // namespace

Result<api::ChatRequest> chat_request(const ChatFlags& flags) {
  api::ChatRequest request;
  request.temperature = flags.temperature;
  request.top_p = flags.top_p;
  request.top_k = flags.top_k;
  request.min_p = flags.min_p;
  request.repetition_penalty = flags.repetition_penalty;
  request.seed = flags.seed;
  request.max_tokens = flags.max_tokens;
  request.presence_penalty = flags.presence_penalty;
  request.frequency_penalty = flags.frequency_penalty;
  for (const std::string& text : flags.logit_bias) {
    GLMV_ASSIGN(const auto bias, parse_bias(text));
    request.logit_bias[bias.first] = bias.second;
  }
  request.stop = flags.stop;
  request.stop_token_ids = flags.stop_token_ids;
  request.logprobs = flags.logprobs >= 0;
  request.top_logprobs = std::max(flags.logprobs, 0);
  request.thinking = thinking_mode(flags);
  request.thinking_budget = flags.thinking_budget;
  request.detect_repetition = flags.detect_repetition;
  request.drop_restated = true;
  request.max_pixels = flags.max_pixels;
  if (flags.trust_special_tokens) request.tokens_in_text = text::TokensInText::kAll;
  if (flags.strict_text) request.tokens_in_text = text::TokensInText::kNone;
  GLMV_ASSIGN(request.constraint, constraint(flags));
  if (!flags.system.empty()) {
    std::string text = flags.system;
    if (text.front() == '@') {
      GLMV_ASSIGN(text, read_file(text.substr(1), 1 << 20));
    }
    request.messages.push_back(text::Message::system(std::move(text)));
  }
  return request;
}

}  // namespace glmv::app
