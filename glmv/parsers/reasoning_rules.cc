#include "glmv/parsers/reasoning_rules.h"

namespace glmv::parsers {
namespace {

struct Row {
  std::string_view name;
  ReasoningRules rules;
};

constexpr Row kRows[] = {
    {"native", {}},
    {"vllm-a",
     {.heeds_prompt = false,
      .trims = false,
      .stray_tags_are_text = true,
      .answer_tags = false,
      .calls_end_thoughts = false,
      .needs_both_tags = true}},
    {"vllm-b",
     {.forced = true,
      .trims = false,
      .stray_tags_are_text = true,
      .answer_tags = false,
      .calls_end_thoughts = false}},
    {"vllm-c", {.forced = true, .answer_tags = false}},
    {"sglang", {.stray_tags_are_text = true, .answer_tags = false}},
};

}  // namespace

std::optional<ReasoningRules> reasoning_rules(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.rules;
  }
  return std::nullopt;
}

std::string reasoning_rules_names() {
  std::string names;
  for (const Row& row : kRows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

}  // namespace glmv::parsers
