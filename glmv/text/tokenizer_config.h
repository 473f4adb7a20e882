#pragma once
// tokenizer_config.json: what the checkpoint says about its tokenizer besides tokenizer.json.

#include <cstdint>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/text/added_tokens.h"

namespace glmv::text {

struct TokenizerConfig {
  std::vector<AddedToken> added_tokens;           // added_tokens_decoder
  std::vector<std::string> extra_special_tokens;  // additional_ or extra_special_tokens
  std::string eos_token;                          // empty: not given
  std::string pad_token;
  std::string padding_side = "left";
  int64_t model_max_length = 0;  // tokens; 0: not given or without bound
};

// invalid_argument for a field of the wrong type; unknown fields are ignored.
Result<TokenizerConfig> parse_tokenizer_config(const Json& json);

// One entry of `added_tokens` (tokenizer.json) or `added_tokens_decoder`; `where` names it.
Result<AddedToken> parse_added_token(const Json& json, int64_t id, std::string_view where);

}  // namespace glmv::text
