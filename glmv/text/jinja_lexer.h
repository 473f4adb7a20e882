#pragma once
// Splits a template into text and tokens, with the white-space rules trim_blocks and lstrip_blocks.

#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

enum class TokenKind {
  kText,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int line = 1;
  std::string text;  // text, name, operator, or the value of a string
  Value number;      // kInteger, kFloat
};

// The last token is kEnd. Errors read "line 3: ...".
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace glmv::text::jinja
