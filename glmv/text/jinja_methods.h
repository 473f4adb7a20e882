#pragma once
// Methods of str, dict, list, tuple and of loops.

#include <string>

#include "glmv/text/jinja_call.h"
#include "glmv/text/jinja_ops.h"

namespace glmv::text::jinja {

Result<Value> call_method(Budget& budget, const Value& self, const std::string& name,
                          const CallArgs& args);

// Shared with the filters of the same names.
Result<Value> strip(Budget& budget, const Text& text, const Value* chars, bool left, bool right);
// count < 0: all.
Result<Value> replace(Budget& budget, const Text& text, const Text& from, const Text& to,
                      int64_t count);
Result<Value> join(Budget& budget, const Text& separator, const std::vector<Value>& items,
                   bool strings_only);
enum class Case { kLower, kUpper, kTitle, kCapitalize, kSwap };
Result<Value> change_case(Budget& budget, const Text& text, Case to);
std::vector<Text> split_lines(const Text& text, bool keep_ends);
Result<Value> reversed_text(Budget& budget, const Text& text);

}  // namespace glmv::text::jinja
