#pragma once
// The catalogues as the build embeds them (cmake/EmbedTexts.cmake).

#include <string_view>

namespace glmv {

extern const std::string_view kChineseTexts;  // texts/zh.tsv

}  // namespace glmv
