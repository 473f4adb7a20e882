#include "apps/glmv/open_backend.h"

#include "apps/glmv/command.h"
#include "glmv/chat/local_backend.h"

namespace glmv::app {

Result<std::unique_ptr<api::ChatBackend>> open_backend(const ModelFlags& flags) {
  GLMV_ASSIGN(const runtime::EngineOptions options, engine_options(flags));
  return chat::LocalBackend::load(options);
}

Result<processing::ProcessorConfig> media_rules(const ModelFlags& flags) {
  GLMV_ASSIGN(std::filesystem::path folder, model_folder(flags.model));
  if (std::filesystem::is_regular_file(folder)) folder = folder.parent_path();
  return processing::read_processor_config(folder);
}

}  // namespace glmv::app
