#pragma once
// Values of the template engine: Python's as far as templates can tell. Immutable except
// namespaces, so that copies share their data; cycles are possible through namespaces only, which
// the evaluator therefore owns.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/base/result.h"
#include "glmv/text/jinja_text.h"

namespace glmv::text::jinja {

using Int = __int128;  // covers every integer of JSON that our reader keeps exactly

// What one render may use. A step is one evaluation, or 32 bytes copied, or one list item made;
// the bound on steps is therefore also one on memory.
struct Limits {
  int64_t max_steps = 10'000'000;
  size_t max_string_bytes = size_t{64} << 20;  // also of the output
  int max_macro_depth = 64;
  int max_eval_depth = 600;   // nested expressions and statements, over macro calls
  int max_value_depth = 250;  // lists in lists
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits(limits), steps_left_(limits.max_steps) {}
  Result<void> spend(size_t steps);
  // The cost of a string of that size; refuses strings over the limit.
  Result<void> spend_bytes(size_t bytes);
  const Limits limits;

 private:
  int64_t steps_left_;
};

class Value;
struct Sequence;
struct Dict;
struct Namespace;
struct LoopState;
struct Callable;

// An undefined value carries the sentence that using it would raise.
struct Undefined {
  std::shared_ptr<const std::string> why;
};

enum class Kind {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kSequence,
  kDict,
  kNamespace,
  kLoop,
  kCallable
};

class Value {
 public:
  Value() : data_(Undefined{}) {}
  static Value undefined(std::string why);
  static Value none() { return Value(std::monostate{}); }
  static Value boolean(bool value) { return Value(value); }
  static Value integer(Int value) { return Value(value); }
  static Value number(double value) { return Value(value); }
  static Value string(Text text);
  static Value string(std::string bytes, bool marked = false) {
    return string(Text(std::move(bytes), marked));
  }
  explicit Value(std::shared_ptr<const Sequence> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<const Dict> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<Namespace> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<LoopState> value) : data_(std::move(value)) {}
  explicit Value(std::shared_ptr<const Callable> value) : data_(std::move(value)) {}

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_undefined() const { return kind() == Kind::kUndefined; }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_sequence() const { return kind() == Kind::kSequence; }
  bool is_dict() const { return kind() == Kind::kDict; }
  bool is_float() const { return kind() == Kind::kFloat; }
  // Python's int, of which bool is a kind.
  bool is_integer() const { return kind() == Kind::kInt || is_bool(); }
  bool is_number() const { return is_integer() || is_float(); }

  bool as_bool() const { return std::get<bool>(data_); }
  Int as_integer() const { return is_bool() ? Int{as_bool()} : std::get<Int>(data_); }
  double as_double() const {
    return is_float() ? std::get<double>(data_) : static_cast<double>(as_integer());
  }
  const Text& as_text() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  const std::string& as_bytes() const { return as_text().bytes(); }
  const Sequence& as_sequence() const { return *std::get<std::shared_ptr<const Sequence>>(data_); }
  const Dict& as_dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  const std::shared_ptr<Namespace>& as_namespace() const {
    return std::get<std::shared_ptr<Namespace>>(data_);
  }
  const std::shared_ptr<LoopState>& as_loop() const {
    return std::get<std::shared_ptr<LoopState>>(data_);
  }
  const Callable& as_callable() const { return *std::get<std::shared_ptr<const Callable>>(data_); }
  std::string undefined_reason() const;
  // The address that `is sameas` and default equality compare; null for plain values.
  const void* identity() const;

 private:
  using Data = std::variant<Undefined, std::monostate, bool, Int, double,
                            std::shared_ptr<const Text>, std::shared_ptr<const Sequence>,
                            std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
                            std::shared_ptr<LoopState>, std::shared_ptr<const Callable>>;
  template <class T>
  explicit Value(T value)
    requires(std::is_same_v<T, bool> || std::is_same_v<T, Int> || std::is_same_v<T, double> ||
             std::is_same_v<T, std::monostate>)
      : data_(value) {}

  Data data_;
};

enum class SequenceKind { kList, kTuple, kRange, kGenerator, kDictKeys, kDictValues, kDictItems };

struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  std::vector<Value> items;
  std::string range_repr;  // kRange: "range(0, 3)"
  int depth = 1;
};

// Insertion-ordered, keys compared as Python does (1 == True == 1.0).
struct Dict {
  std::vector<std::pair<Value, Value>> items;
  std::unordered_map<std::string, size_t> index;  // by canonical key
  int depth = 1;

  const Value* find(std::string_view key) const;  // string keys only
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  Value* find(std::string_view name);
};

struct LoopState {
  std::vector<Value> items;
  size_t index0 = 0;
  int depth0 = 0;
  const void* recursive_statement = nullptr;  // the For of a `recursive` loop
  void* scope = nullptr;                      // in which that loop stands
  std::optional<std::vector<Value>> last_changed;
};

struct MacroData {
  const void* statement = nullptr;
  void* scope = nullptr;
};

enum class Global { kRange, kDict, kNamespace, kRaiseException, kStrftimeNow };

struct Callable {
  // A macro, a global function, or the method `method` of `self`.
  std::variant<MacroData, Global, std::string> what;
  Value self;
};

Result<Value> make_sequence(Budget& budget, SequenceKind kind, std::vector<Value> items);
Result<Value> make_list(Budget& budget, std::vector<Value> items);
Result<Value> make_string(Budget& budget, Text text);
// Later duplicates replace the value and keep the place of the first. Unhashable keys are errors.
Result<Value> make_dict(Budget& budget, std::vector<std::pair<Value, Value>> items);
// Null when the key is absent.
Result<const Value*> find_key(Budget& budget, const Dict& dict, const Value& key);

// How deep lists and dicts nest: 0 for plain values.
int depth_of(const Value& value);

// `mark`: strings and keys are message content. Depth must be at most 200 (what parse_json keeps).
Value from_json(const Json& json, bool mark);

// Python's name of the type, for errors ("str", "dict").
std::string_view type_name(const Value& value);

}  // namespace glmv::text::jinja
