#include "glmv/parsers/answer_json.h"

#include <optional>

#include "glmv/parsers/relaxed_json.h"

namespace glmv::parsers {
namespace {

constexpr std::string_view kLabelKeys[] = {"label", "name", "category"};

using IsWanted = std::function<bool(const Json&)>;

bool is_wanted_object(const Json& value, const IsWanted& is_wanted) {
  return value.is_object() && is_wanted(value);
}

bool holds_wanted(const Json& value, const IsWanted& is_wanted) {
  return is_wanted_object(value, is_wanted) || std::ranges::any_of(value, [&](const Json& item) {
           return item.is_structured() && holds_wanted(item, is_wanted);
         });
}

}  // namespace

std::vector<FoundJson> find_json(std::string_view text, std::span<const TextRange> ranges,
                                 const IsWanted& is_wanted) {
  std::vector<FoundJson> objects;  // outside any complete list
  std::optional<FoundJson> list;   // the last complete list or table of lists
  for (const TextRange& range : ranges) {
    const std::string_view part = text.substr(0, range.end);
    for (size_t pos = part.find_first_of("[{", range.begin); pos != std::string_view::npos;
         pos = part.find_first_of("[{", pos)) {
      size_t end = pos;
      std::optional<Json> value = parse_relaxed_json(part, end);
      if (!value || !holds_wanted(*value, is_wanted)) {
        ++pos;
        continue;
      }
      FoundJson found{std::move(*value), {pos, end}};
      if (is_wanted_object(found.value, is_wanted)) {
        objects.push_back(std::move(found));
      } else {
        list = std::move(found);
      }
      pos = end;
    }
  }
  if (!list) return objects;
  std::vector<FoundJson> only;
  only.push_back(std::move(*list));
  return only;
}

void for_each_wanted(const Json& value, const IsWanted& is_wanted,
                     const std::function<void(const Json&)>& on_object) {
  if (is_wanted_object(value, is_wanted)) return on_object(value);
  for (const Json& item : value) {
    if (item.is_structured()) for_each_wanted(item, is_wanted, on_object);
  }
}

bool has_quoted_key(std::string_view text, std::span<const std::string_view> keys) {
  return std::ranges::any_of(keys, [&](std::string_view key) {
    for (size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
      const char quote = at > 0 ? text[at - 1] : '\0';
      const size_t end = at + key.size();
      if ((quote == '"' || quote == '\'') && end < text.size() && text[end] == quote) return true;
    }
    return false;
  });
}

std::string json_label(const Json& object) {
  const Json* label = first_member(object, kLabelKeys);
  return label != nullptr && label->is_string() ? label->get<std::string>() : std::string();
}

}  // namespace glmv::parsers
