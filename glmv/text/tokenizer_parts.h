#pragma once
// What a Tokenizer is made of, put together from the two files (internal to glmv/text).

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "glmv/text/added_tokens.h"
#include "glmv/text/bpe.h"
#include "glmv/text/pretokenizer.h"
#include "glmv/text/tokenizer_config.h"

namespace glmv::text {

struct TokenizerParts {
  Bpe bpe;
  PreTokenizer pre_tokenizer;
  AddedTokens added;
  std::unordered_map<int32_t, size_t> added_index;  // id -> index in added.tokens()
  std::string separator;                            // between tokens of a decoded text
  std::vector<int32_t> prefix_ids;                  // TemplateProcessing: before the text
  std::vector<int32_t> suffix_ids;                  // and after it
  TokenizerConfig config;
  int64_t vocab_size = 0;

  // nullptr when `id` is not an added token.
  const AddedToken* added_by_id(int32_t id) const {
    const auto it = added_index.find(id);
    return it == added_index.end() ? nullptr : &added.tokens()[it->second];
  }
};

Result<TokenizerParts> build_tokenizer_parts(std::string_view tokenizer_json,
                                             std::string_view tokenizer_config);

}  // namespace glmv::text
