#pragma once
// JSON in an answer: whole lists, or what is whole of a list that was cut off.

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/parsers/marked_text.h"

namespace glmv::parsers {

struct FoundJson {
  Json value;
  TextRange range;
};

// The values inside `ranges` in which `is_wanted` holds for an object somewhere: the last one that
// is a list or a table of such objects; without any, every wanted object that stands by itself, as
// those of a list that was cut off do.
std::vector<FoundJson> find_json(std::string_view text, std::span<const TextRange> ranges,
                                 const std::function<bool(const Json& object)>& is_wanted);

// Calls `on_object` for every wanted object inside `value`, itself included, in order; not for
// objects inside a wanted one.
void for_each_wanted(const Json& value, const std::function<bool(const Json& object)>& is_wanted,
                     const std::function<void(const Json& object)>& on_object);

// The first of `keys` that `object` has; null: none.
template <size_t N>
const Json* first_member(const Json& object, const std::string_view (&keys)[N]) {
  if (!object.is_object()) return nullptr;
  for (const std::string_view key : keys) {
    const auto it = object.find(std::string(key));
    if (it != object.end()) return &*it;
  }
  return nullptr;
}

// Whether one of `keys` stands in the text between quotes.
bool has_quoted_key(std::string_view text, std::span<const std::string_view> keys);

// What a detection is called: its "label", "name" or "category"; empty: nothing.
std::string json_label(const Json& object);

}  // namespace glmv::parsers
