#include <CLI/CLI.hpp>

#include "apps/glmv/upstream_flags.h"

namespace glmv::app {

void add_upstream_spellings(CLI::App& command, ModelFlags& model, ChatFlags& chat,
                            std::vector<std::string>& images, std::vector<std::string>& videos) {
  const std::string hidden;
  command.add_option("--model_path", model.model)->group(hidden);
  command
      .add_option_function<std::vector<std::string>>(
          "--image_paths",
          [&images](const std::vector<std::string>& paths) {
            images.insert(images.end(), paths.begin(), paths.end());
          })
      ->expected(1, -1)
      ->group(hidden);
  command
      .add_option_function<std::string>(
          "--video_path", [&videos](const std::string& path) { videos.push_back(path); })
      ->group(hidden);
  command.add_option("--max_tokens", chat.max_tokens)->group(hidden);
  command.add_option("--temperature", chat.temperature)->group(hidden);
  command.add_option("--repetition_penalty", chat.repetition_penalty)->group(hidden);
  command.add_option("--top_p", chat.top_p)->group(hidden);
  command.add_option("--top_k", chat.top_k)->group(hidden);
}

}  // namespace glmv::app
