#pragma once
// What a request says of the form of its answer, in the spellings of OpenAI, vLLM, SGLang and
// llama.cpp.

#include <optional>

#include "glmv/api/chat_types.h"
#include "glmv/server/api_error.h"

namespace glmv::server {

// Of the body of a chat completion: response_format {text, json_object, json_schema,
// structural_tag}; structured_outputs {json | regex | choice | grammar | json_object |
// structural_tag}; guided_json, guided_regex, guided_choice, guided_grammar; regex, ebnf,
// json_schema; grammar. More than one is an error. The sources themselves are checked by the
// backend.
ApiResult<std::optional<api::Constraint>> read_structured_output(const Json& body);

}  // namespace glmv::server
