#pragma once
// The grammar of GLM's tool calls:
//   <tool_call>name\n<arg_key>key</arg_key>\n<arg_value>value</arg_value>\n...</tool_call>
// (every line break may be missing, as newer models have it).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "glmv/base/json.h"
#include "glmv/runtime/grammar.h"

namespace glmv::runtime {

struct ToolCallRules {
  std::string only;      // name of the only function that may be called; empty: any of them
  bool parallel = true;  // false: one call; else one or more
  // Schemas hold for functions with "strict": true; the arguments of the others are free text under
  // free names.
  bool strict_only = false;
};

// Id of an added token by its text ("<tool_call>"); none: the tokenizer spells it out.
using TokenLookup = std::function<std::optional<int32_t>(std::string_view)>;

// One call or more of the functions in `tools`, OpenAI's list, and nothing else. Keys come in the
// order of `properties`; required ones must come, others may; other keys only where
// additionalProperties says so or no properties are named. A string value is any text without tags;
// its enum, pattern, format and lengths hold for the raw text. All other values are JSON of their
// schema.
//
// Errors: invalid_argument with the path in `tools` ("tools[0].function.parameters:
// #/properties/a/not:
// ..."): what prepare_json_schema() refuses, a list without functions, an unknown `only`.
Result<GrammarSource> tool_call_grammar(const Json& tools, const ToolCallRules& rules,
                                        const TokenLookup& token_id);

}  // namespace glmv::runtime
