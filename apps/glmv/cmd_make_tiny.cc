// glmv make-tiny: a complete small random checkpoint of any family, as a Hugging Face folder.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "apps/glmv/command.h"
#include "apps/glmv/save_model.h"
#include "apps/glmv/tiny_config.h"
#include "apps/glmv/training_init.h"
#include "glmv/base/files.h"
#include "glmv/model/vlm.h"
#include "glmv/synth/nano_tokenizer.h"
#include "glmv/text/chat_template.h"

namespace glmv::app {
namespace {

struct MakeTinyFlags {
  std::string output;
  std::string family = "glm4v";
  std::string preset = "tiny";
  std::string dtype = "float32";
  uint64_t seed = 0;
  int32_t vocab_size = 1024;
  int64_t layers = 0;
};

Result<void> write_json(const std::filesystem::path& path, const Json& json) {
  return write_file_atomic(path, json.dump(2) + "\n");
}

Result<int64_t> write_random_weights(const MakeTinyFlags& flags, const std::filesystem::path& dir) {
  GLMV_ASSIGN(
      const model::LoadedModel loaded,
      model::load_model(dir.string(),
                        {.dtype = flags.dtype, .load_format = "dummy", .dummy_seed = flags.seed}));
  init_for_training(loaded.model->parameters(), loaded.model->config(), flags.seed);
  return save_weights(*loaded.model, dir);
}

// Everything but the final name.
Result<int64_t> fill_folder(const MakeTinyFlags& flags, const std::filesystem::path& dir) {
  GLMV_RETURN_IF_ERROR(synth::write_nano_tokenizer(dir, flags.vocab_size));
  GLMV_ASSIGN(const text::Tokenizer tokenizer, text::Tokenizer::load(dir));
  GLMV_ASSIGN(Json config, small_config(flags.family, flags.preset, flags.layers, tokenizer));
  config["dtype"] = flags.dtype;
  GLMV_ASSIGN(const text::ChatTemplate chat_template, text::ChatTemplate::load(dir, flags.family));
  GLMV_RETURN_IF_ERROR(write_file_atomic(dir / "chat_template.jinja", chat_template.source()));
  GLMV_RETURN_IF_ERROR(
      write_json(dir / "generation_config.json", small_generation_config(tokenizer)));
  GLMV_RETURN_IF_ERROR(write_json(dir / "preprocessor_config.json",
                                  small_processor_config(flags.family, flags.preset, false)));
  GLMV_RETURN_IF_ERROR(write_json(dir / "video_preprocessor_config.json",
                                  small_processor_config(flags.family, flags.preset, true)));
  GLMV_RETURN_IF_ERROR(write_json(dir / "config.json", config));
  return write_random_weights(flags, dir);
}

Result<int> run_make_tiny(const MakeTinyFlags& flags) {
  const std::filesystem::path dir = std::filesystem::absolute(flags.output).lexically_normal();
  std::error_code error;
  if (std::filesystem::exists(dir, error) && !std::filesystem::is_empty(dir, error)) {
    return invalid_argument("{} already exists and is not empty; name another folder",
                            dir.string());
  }
  std::filesystem::path partial = dir;
  partial += ".partial";
  std::filesystem::remove_all(partial, error);
  std::filesystem::create_directories(partial, error);
  if (error) return invalid_argument("cannot create {}: {}", partial.string(), error.message());
  const auto num_parameters = fill_folder(flags, partial);
  if (!num_parameters) {
    std::filesystem::remove_all(partial, error);
    return std::unexpected(num_parameters.error());
  }
  std::filesystem::rename(partial, dir, error);
  if (error) return invalid_argument("cannot create {}: {}", dir.string(), error.message());
  fmt::print("{}: {} {}, {:.2f} M parameters, {}\n", flags.output, flags.family, flags.preset,
             static_cast<double>(*num_parameters) / 1e6, flags.dtype);
  return 0;
}

}  // namespace

void add_make_tiny(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<MakeTinyFlags>();
  command.add_option("-o,--output", flags->output, "folder to write")->required();
  command.add_option("--family", flags->family, "glm4v, glm46v, glm4v_moe or glm_ocr")
      ->capture_default_str();
  command.add_option("--preset", flags->preset, "tiny, nano: the embedded model's shape, or 9b")
      ->capture_default_str();
  command.add_option("--dtype", flags->dtype, "float32 or bfloat16")->capture_default_str();
  command.add_option("--vocab-size", flags->vocab_size)->capture_default_str();
  command.add_option("--layers", flags->layers, "of the decoder; 0: the preset's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--seed", flags->seed)->capture_default_str();
  command.callback([flags, &exit_code] { exit_code = report(run_make_tiny(*flags)); });
}

}  // namespace glmv::app
