#pragma once
// Questions of bench-thinking, with or without known answers.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/chat/thinking_rounds.h"
#include "glmv/synth/export.h"

namespace glmv::app {

struct ThinkingQuestion {
  std::string id;
  std::string prompt;
  std::vector<std::string> images;
  std::string video;
  std::string answer;  // empty: not known
  // Where the file says how answers are checked.
  std::optional<synth::VerifierKind> verifier;
  std::vector<synth::GridBox> boxes;
};

// One JSON object a line: "prompt" or "question", "image" or "images", "video" (paths from the
// file's folder), "answer"; or lines of eval.jsonl (glmv synth). Errors name file and line.
Result<std::vector<ThinkingQuestion>> read_thinking_questions(const std::filesystem::path& path);

// Whether the boxed answer, or else the whole one, is the known one: by the verifier if there is
// one, else as numbers if both are, else as text without regard to case and white space.
bool is_right(const ThinkingQuestion& question, const chat::TwoRounds& run);

}  // namespace glmv::app
