#pragma once
// Python's operators on template values.

#include <optional>
#include <string_view>
#include <vector>

#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

enum class BinaryOp { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
enum class CompareOp { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };

bool truth(const Value& value);
Result<Value> binary(Budget& budget, BinaryOp op, const Value& a, const Value& b);
Result<Value> negate(const Value& value, bool minus);
Result<bool> equals(Budget& budget, const Value& a, const Value& b);
Result<bool> less(Budget& budget, const Value& a, const Value& b);  // a < b
Result<bool> compare(Budget& budget, CompareOp op, const Value& a, const Value& b);
Result<bool> contains(Budget& budget, const Value& container, const Value& item);
// len(value).
Result<Int> length(Budget& budget, const Value& value);
// What a for loop sees: characters, keys, items; nothing for undefined.
Result<std::vector<Value>> iterate(Budget& budget, const Value& value);

// value.name and value[key], undefined when there is none; an undefined `value` is an error.
Result<Value> get_attribute(Budget& budget, const Value& value, const std::string& name);
Result<Value> get_item(Budget& budget, const Value& value, const Value& key);
// value[start:stop:step]; none stands for an absent bound.
Result<Value> get_slice(Budget& budget, const Value& value, const Value& start, const Value& stop,
                        const Value& step);
// Whether values of that type have a method of that name.
bool has_method(const Value& value, std::string_view name);

// An integer argument in a range that makes sense for sizes; errors name `what`.
Result<int64_t> to_int64(const Value& value, std::string_view what);

}  // namespace glmv::text::jinja
