#pragma once
// Reads a tokenizer.json. The vocabulary and the merges (hundreds of thousands of entries) are
// kept out of the JSON tree; everything else is a tree.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::text {

struct TokenizerJson {
  std::vector<std::pair<std::string, int64_t>> vocab;       // model.vocab, when it is an object
  std::vector<std::pair<std::string, std::string>> merges;  // model.merges, either spelling
  bool has_vocab = false;
  Json rest;  // the whole file without those two
};

// `where` names the source in errors. invalid_argument for malformed JSON, a vocabulary id that
// is no integer, a merge that is not a pair.
Result<TokenizerJson> parse_tokenizer_json(std::string_view text, std::string_view where);

}  // namespace glmv::text
