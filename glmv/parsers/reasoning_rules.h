#pragma once
// How a thought is told from an answer: our own rules, and those of other servers for clients that
// were written against them.

#include <optional>
#include <string>
#include <string_view>

namespace glmv::parsers {

struct ReasoningRules {
  bool forced = false;               // a reply begins inside a thought unless the prompt closed it
  bool heeds_prompt = true;          // a thought that the prompt opened is one
  bool trims = true;                 // line breaks around tags belong to them
  bool stray_tags_are_text = false;  // a second <think>, a </think> without a thought
  bool answer_tags = true;           // <answer> and </answer> are tags
  bool calls_end_thoughts = true;
  bool needs_both_tags =
      false;  // a whole reply without <think> and </think> is all answer, tags too
};

// native | vllm-a | vllm-b | vllm-c | sglang. vllm-a: its glm4_moe reasoning parser up to 0.13;
// vllm-b: about 0.14 to 0.20; vllm-c: its parser of reasoning and tools in one of 2026; sglang:
// Glm45Detector.
std::optional<ReasoningRules> reasoning_rules(std::string_view name);
std::string reasoning_rules_names();

}  // namespace glmv::parsers
