// glmv convert: a checkpoint in another dtype, as a Hugging Face folder; quantised weights become
// plain ones.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "apps/glmv/command.h"
#include "apps/glmv/save_model.h"
#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/base/texts.h"
#include "glmv/checkpoint/writer.h"

namespace glmv::app {
namespace {

struct ConvertFlags {
  std::string input;
  std::string output;
  std::string dtype = "bfloat16";
};

Result<int> run_convert(const ConvertFlags& flags) {
  GLMV_ASSIGN(const std::filesystem::path from, model_folder(flags.input));
  const std::filesystem::path to = flags.output;
  std::error_code error;
  if (std::filesystem::equivalent(from, to, error)) {
    return invalid_argument("{}: input and output must be different folders", from.string());
  }
  GLMV_ASSIGN(const model::LoadedModel loaded, model::load_model(from, {.dtype = flags.dtype}));
  for (const std::string& warning : loaded.warnings) {
    fmt::print(stderr, "{}\n", tr_format("warning: {}", warning));
  }
  std::filesystem::create_directories(to, error);
  if (error) return invalid_argument("cannot create {}: {}", to.string(), error.message());
  GLMV_RETURN_IF_ERROR(checkpoint::copy_side_files(from, to));
  GLMV_ASSIGN(const int64_t num_parameters, save_weights(*loaded.model, to));
  GLMV_ASSIGN(Json config, read_json_file(to / "config.json"));
  config.erase("torch_dtype");
  for (const char* name :
       {"quantization_config", "compression_config"}) {  // the weights are plain now
    config.erase(name);
    if (config.contains("text_config")) config["text_config"].erase(name);
  }
  config["dtype"] = flags.dtype;
  GLMV_RETURN_IF_ERROR(write_file_atomic(to / "config.json", config.dump(2) + "\n"));
  fmt::print("{}: {:.2f} M parameters, {}\n", to.string(), num_parameters / 1e6, flags.dtype);
  return 0;
}

}  // namespace

void add_convert(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<ConvertFlags>();
  command.add_option("input", flags->input, "checkpoint folder, or a name in the cache")
      ->required()
      ->type_name("MODEL");
  command.add_option("-o,--output", flags->output, "folder to write")->required();
  command.add_option("--dtype", flags->dtype, "float32, bfloat16 or float16")
      ->capture_default_str();
  command.callback([flags, &exit_code] { exit_code = report(run_convert(*flags)); });
}

}  // namespace glmv::app
