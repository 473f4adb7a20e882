// glmv bench: speed and memory of a model, beside what this machine can do at most.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "apps/glmv/bench_runs.h"
#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/machine_limits.h"
#include "apps/glmv/model_parts.h"
#include "glmv/base/files.h"

namespace glmv::app {
namespace {

using checkpoint::ModelConfig;

struct BenchFlags {
  ModelFlags model;
  int64_t num_prompt = 512;
  int64_t num_generated = 32;
  std::string image = "1024x1024";
  int num_runs = 3;
  std::string json;
};

// Largest resident size so far.
int64_t peak_rss_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

double gb_per_s(double bytes, double ms) { return ms > 0 ? bytes / (ms / 1e3) / 1e9 : 0; }

// Floating point operations of the matrix products, in billions.
struct Work {
  double prefill_gflop = 0;
  double vision_gflop = 0;
  double token_bytes = 0;  // weights read per decoded token
};

Work work_of(const ModelConfig& config, int64_t weight_bytes, int64_t element_bytes,
             int64_t num_prompt, const std::optional<BenchPicture>& picture, bool int8_vision) {
  std::map<Part, PartSize> sizes = part_sizes(config);
  const auto active = double(active_text_parameters(config, sizes));
  const checkpoint::TextConfig& text = config.text;
  const double n = double(num_prompt);
  Work work;
  // Only the last prompt token goes through the head; causal attention halves the score products.
  const double head = double(text.vocab_size) * double(text.hidden_size);
  const double attention = 2.0 * n * n * double(text.num_attention_heads * text.head_dim) *
                           double(text.num_hidden_layers);
  work.prefill_gflop = (2.0 * n * (active - head) + 2.0 * head + attention) / 1e9;
  // What is held beside the weights of the decoder, of which only the tower's may be quantised.
  const int64_t tower =
      sizes[Part::kVision].num_parameters + sizes[Part::kProjector].num_parameters;
  const int64_t embeddings =
      text.tie_word_embeddings ? 0 : sizes[Part::kEmbeddings].num_parameters;
  const int64_t beside = tower + embeddings;
  const double held = double(weight_bytes) - double(embeddings) * double(element_bytes) -
                      double(tower) * (int8_vision ? 1.0 : double(element_bytes));
  work.token_bytes = held / double(std::max<int64_t>(num_parameters(sizes) - beside, 1)) * active;
  if (picture) {
    const double patches = double(picture->grid.num_patches());
    const checkpoint::VisionConfig& vision = config.vision;
    const double scores = 4.0 * patches * patches * double(vision.hidden_size * vision.depth);
    work.vision_gflop = (2.0 * patches * double(sizes[Part::kVision].num_parameters) + scores +
                         2.0 * double(picture->num_tokens) *
                             double(sizes[Part::kProjector].num_parameters)) / 1e9;
  }
  return work;
}

struct Measured {
  std::string dir;
  std::string dtype;
  int64_t num_parameters = 0;
  double load_ms = 0;
  int64_t weight_bytes = 0;
  int64_t rss_after_load = 0;
  int64_t peak_rss = 0;
  std::optional<BenchPicture> picture;
  BenchTimes times;
  Work work;
  MachineLimits machine;
};

Json series_json(const Series& ms, double units, const char* rate_name) {
  Json json = {{"ms", ms.values}, {"ms_min", ms.min()}, {"ms_median", ms.median()}};
  if (units > 0 && ms.min() > 0) {
    json[std::string(rate_name) + "_best"] = units / ms.min() * 1e3;
    json[std::string(rate_name) + "_median"] = units / ms.median() * 1e3;
  }
  return json;
}

double product_limit(const Measured& measured) {
  return measured.dtype == "float32" ? measured.machine.fp32_gflops : measured.machine.bf16_gflops;
}

double share(double value, double limit) { return limit > 0 ? value / limit : 0; }

Json to_json(const BenchFlags& flags, const Measured& m) {
  const BenchTimes& times = m.times;
  const Work& work = m.work;
  const double decode_gb_s =
      gb_per_s(work.token_bytes * double(times.num_decoded), times.decode_ms.min());
  const double prefill_gflops = share(work.prefill_gflop * 1e3, times.prefill_ms.min());
  Json json = {{"version", GLMV_VERSION},
               {"model", m.dir},
               {"dtype", m.dtype},
               {"load_format", flags.model.engine.load_format},
               {"parameters", m.num_parameters},
               {"weight_bytes", m.weight_bytes},
               {"load_ms", m.load_ms},
               {"rss_after_load_bytes", m.rss_after_load},
               {"peak_rss_bytes", m.peak_rss},
               {"peak_rss_per_weight_byte", share(double(m.peak_rss), double(m.weight_bytes))},
               {"prompt_tokens", flags.num_prompt},
               {"decoded_tokens", times.num_decoded},
               {"prefill", series_json(times.prefill_ms, double(flags.num_prompt), "tokens_per_s")},
               {"decode", series_json(times.decode_ms, double(times.num_decoded), "tokens_per_s")}};
  json["prefill"]["gflops_best"] = prefill_gflops;
  json["prefill"]["share_of_product_limit"] = share(prefill_gflops, product_limit(m));
  json["decode"]["weight_bytes_per_token"] = work.token_bytes;
  json["decode"]["gb_s_best"] = decode_gb_s;
  json["decode"]["share_of_read_limit"] = share(decode_gb_s, m.machine.read_gb_s);
  if (m.picture) {
    const double gflops = share(work.vision_gflop * 1e3, times.vision_ms.min());
    Json vision = series_json(times.vision_ms, double(m.picture->grid.num_patches()),
                              "patches_per_s");
    vision["width"] = m.picture->width;
    vision["height"] = m.picture->height;
    vision["grid"] = {m.picture->grid.t, m.picture->grid.h, m.picture->grid.w};
    vision["tokens"] = m.picture->num_tokens;
    vision["gflops_best"] = gflops;
    vision["share_of_product_limit"] = share(gflops, product_limit(m));
    json["vision"] = std::move(vision);
  }
  json["machine"] = {{"device", m.machine.device},
                     {"cpu", m.machine.cpu},
                     {"threads", m.machine.num_threads},
                     {"read_gb_s", m.machine.read_gb_s},
                     {"fp32_gflops", m.machine.fp32_gflops},
                     {"bf16_gflops", m.machine.bf16_gflops}};
  return json;
}

void print_rate(const std::string& label, const Json& json, const char* rate_name,
                const char* unit) {
  std::string rates;
  if (json.contains(std::string(rate_name) + "_best")) {
    rates = fmt::format("{:>11.1f} {:>11.1f} {}",
                        json[std::string(rate_name) + "_best"].get<double>(),
                        json[std::string(rate_name) + "_median"].get<double>(), unit);
  }
  fmt::print("{:<32} {:>11.1f} {:>11.1f} ms {}\n", label, json["ms_min"].get<double>(),
             json["ms_median"].get<double>(), rates);
}

void print_table(const Json& json, const Measured& m) {
  fmt::print("{}: {:.3f} M parameters, {}, loaded in {:.0f} ms\n", m.dir,
             double(m.num_parameters) / 1e6, m.dtype, m.load_ms);
  fmt::print("memory: weights {}, process {} after loading, {} at most ({:.2f} of the weights)\n",
             bytes_text(double(m.weight_bytes)), bytes_text(double(m.rss_after_load)),
             bytes_text(double(m.peak_rss)), json["peak_rss_per_weight_byte"].get<double>());
  fmt::print("{:<32} {:>11} {:>11}    {:>11} {:>11}\n", "", "best", "median", "best", "median");
  print_rate(fmt::format("prefill, {} tokens", json["prompt_tokens"].get<int64_t>()),
             json["prefill"], "tokens_per_s", "tokens/s");
  if (m.times.num_decoded > 0) {
    print_rate(fmt::format("decode, {} tokens", m.times.num_decoded), json["decode"],
               "tokens_per_s", "tokens/s");
  }
  if (m.picture) {
    print_rate(fmt::format("vision, {}x{} ({} tokens)", m.picture->width, m.picture->height,
                           m.picture->num_tokens), json["vision"], "patches_per_s", "patches/s");
  }
  fmt::print("machine: {}, {} thread{}, {}: reads {:.1f} GB/s, products {:.0f} GFLOP/s fp32, {:.0f} "
             "bf16\n", m.machine.cpu, m.machine.num_threads,
             m.machine.num_threads == 1 ? "" : "s", m.machine.device, m.machine.read_gb_s, m.machine.fp32_gflops,
             m.machine.bf16_gflops);
  const auto percent = [&json](const char* part, const char* key) {
    return json[part][key].get<double>() * 100;
  };
  if (m.times.num_decoded > 0) {
    const double read_percent = percent("decode", "share_of_read_limit");
    fmt::print("decode reads {:.2f} GB/s of weights: {:.0f} % of the machine's bandwidth{}\n",
               json["decode"]["gb_s_best"].get<double>(), read_percent,
               read_percent > 100 ? " (above 100 %: the weights stay in the caches)" : "");
  }
  fmt::print("prefill computes {:.0f} GFLOP/s: {:.0f} % of the machine's products",
             json["prefill"]["gflops_best"].get<double>(),
             percent("prefill", "share_of_product_limit"));
  if (m.picture) {
    fmt::print("; vision {:.0f}: {:.0f} %", json["vision"]["gflops_best"].get<double>(),
               percent("vision", "share_of_product_limit"));
  }
  fmt::print("\n");
}

Result<void> check_flags(const BenchFlags& flags, const ModelConfig& config, int64_t context,
                         const std::optional<BenchPicture>& picture) {
  if (flags.num_prompt < 1 || flags.num_generated < 1 || flags.num_runs < 1) {
    return invalid_argument("--prompt, --gen and --runs must be at least 1");
  }
  if (flags.num_prompt > context || flags.num_generated > context - flags.num_prompt) {
    return invalid_argument("--prompt {} and --gen {} do not fit in a context of {} tokens (the "
                            "model's is {})", flags.num_prompt, flags.num_generated, context,
                            config.text.max_position_embeddings);
  }
  if (picture && picture->num_tokens + 2 > context) {
    return invalid_argument("a picture of {}x{} has {} tokens, the context holds {}: name a "
                            "smaller --image, or none", picture->width, picture->height,
                            picture->num_tokens, context);
  }
  return {};
}

// As "auto" resolves: the element size tells what was loaded.
std::string loaded_dtype(const BenchFlags& flags, int64_t weight_bytes, int64_t num_parameters) {
  const std::string& asked = flags.model.engine.dtype;
  const double bytes = double(weight_bytes) / double(std::max<int64_t>(num_parameters, 1));
  if (asked == "fp16" || asked == "float16") return "float16";
  return bytes > 3 || asked == "fp32" || asked == "float32" ? "float32" : "bfloat16";
}

Result<int> run_bench_command(const BenchFlags& flags) {
  GLMV_ASSIGN(runtime::EngineOptions options, engine_options(flags.model));
  GLMV_ASSIGN(const ModelConfig config, checkpoint::read_model_config(options.model_dir));
  GLMV_ASSIGN(const processing::ProcessorConfig processor,
              processing::read_processor_config(options.model_dir));
  Measured measured{.dir = options.model_dir.string()};
  GLMV_ASSIGN(measured.picture, parse_picture(flags.image, processor, config.vision));
  const int64_t limit = config.text.max_position_embeddings;
  const int64_t context = options.max_context_tokens > 0 ? options.max_context_tokens : limit;
  GLMV_RETURN_IF_ERROR(check_flags(flags, config, context, measured.picture));
  catch_interrupts();
  {
    options.prefix_cache = false;  // every run reads its prompt
    GLMV_ASSIGN(const auto engine, runtime::Engine::load(options, {}));
    measured.load_ms = engine->load_ms();
    measured.weight_bytes = engine->weight_bytes();
    measured.rss_after_load = peak_rss_bytes();
    GLMV_ASSIGN(measured.times, run_bench(*engine, flags.num_prompt, flags.num_generated,
                                          measured.picture, flags.num_runs));
    measured.peak_rss = peak_rss_bytes();
  }
  measured.num_parameters = num_parameters(part_sizes(config));
  measured.dtype = loaded_dtype(flags, measured.weight_bytes, measured.num_parameters);
  measured.work = work_of(config, measured.weight_bytes, measured.dtype == "float32" ? 4 : 2,
                          flags.num_prompt, measured.picture, options.quantize_vision == "int8");
  GLMV_ASSIGN(measured.machine, measure_machine(options.num_threads, options.device));
  const Json json = to_json(flags, measured);
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (flags.json == "-") {
    fmt::print("{}", text);
    return 0;
  }
  print_table(json, measured);
  if (!flags.json.empty()) GLMV_RETURN_IF_ERROR(write_file_atomic(flags.json, text));
  return 0;
}

}  // namespace

void add_bench(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<BenchFlags>();
  add_model_flags(command, flags->model);
  const std::string group = "Measurement";
  command.add_option("--prompt", flags->num_prompt, "prompt tokens")
      ->capture_default_str()->group(group);
  command.add_option("--gen", flags->num_generated, "tokens to generate")
      ->capture_default_str()->group(group);
  command.add_option("--image", flags->image, "WIDTHxHEIGHT of the picture, or none")
      ->capture_default_str()->group(group);
  command.add_option("--runs", flags->num_runs, "best and median of these, after a warm-up")
      ->capture_default_str()->group(group);
  command.add_option("--json", flags->json, "also as JSON: a file, or - for JSON only")
      ->group(group);
  command.callback([flags, &exit_code] { exit_code = report(run_bench_command(*flags)); });
}

}  // namespace glmv::app
