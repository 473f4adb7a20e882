// Apart from local_backend.cc, so that tests with an engine of their own do not pull the model in.

#include "glmv/chat/local_backend.h"

namespace glmv::chat {

Result<std::unique_ptr<LocalBackend>> LocalBackend::load(runtime::EngineOptions options) {
  GLMV_ASSIGN(const checkpoint::ModelConfig config,
              checkpoint::read_model_config(options.model_dir));
  GLMV_ASSIGN(checkpoint::GenerationConfig defaults,
              checkpoint::read_generation_config(options.model_dir, config));
  GLMV_ASSIGN(processing::Processor loaded, processing::Processor::load(options.model_dir));
  const auto processor = std::make_shared<const processing::Processor>(std::move(loaded));
  GLMV_ASSIGN(std::unique_ptr<runtime::Engine> engine,
              runtime::Engine::load(options, [processor](int32_t id) {
                return std::string(processor->tokenizer().token_bytes(id));
              }));
  return std::make_unique<LocalBackend>(std::move(engine), processor, std::move(defaults));
}

}  // namespace glmv::chat
