#pragma once
// Chat templates for checkpoints that come without a file.

#include <optional>
#include <string>
#include <string_view>

namespace glmv::text {

// By config.json's model_type; nullopt when the family has none.
std::optional<std::string_view> builtin_template(std::string_view model_type);
// "glm4v glm4v_moe ..."
std::string builtin_template_names();

}  // namespace glmv::text
