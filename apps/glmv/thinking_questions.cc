#include "apps/glmv/thinking_questions.h"

#include <charconv>
#include <sstream>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/parsers/white_space.h"
#include "glmv/synth/verify.h"

namespace glmv::app {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

Result<std::string> text_of(const Json& line, const char* name, const std::string& where) {
  const auto it = line.find(name);
  if (it == line.end() || it->is_null()) return std::string();
  if (it->is_number()) return it->dump();
  if (!it->is_string()) return invalid_argument("{}: {} must be a string", where, name);
  return it->get<std::string>();
}

Result<ThinkingQuestion> read_question(const Json& line, const std::string& where,
                                       const std::filesystem::path& folder) {
  if (!line.is_object()) return invalid_argument("{}: must be a JSON object", where);
  ThinkingQuestion out;
  GLMV_ASSIGN(out.id, text_of(line, "id", where));
  GLMV_ASSIGN(out.prompt, text_of(line, "prompt", where));
  if (out.prompt.empty()) {
    GLMV_ASSIGN(out.prompt, text_of(line, "question", where));
  }
  if (out.prompt.empty()) return invalid_argument("{}: \"prompt\" is missing", where);
  GLMV_ASSIGN(out.answer, text_of(line, "answer", where));
  GLMV_ASSIGN(std::string image, text_of(line, "image", where));
  if (!image.empty()) out.images.push_back(std::move(image));
  if (const auto list = line.find("images"); list != line.end() && !list->is_null()) {
    if (!list->is_array()) return invalid_argument("{}: images must be a list", where);
    for (const Json& path : *list) {
      if (!path.is_string()) return invalid_argument("{}: images must hold paths", where);
      out.images.push_back(path.get<std::string>());
    }
  }
  for (std::string& path : out.images) path = (folder / path).string();
  GLMV_ASSIGN(out.video, text_of(line, "video", where));
  if (!out.video.empty()) out.video = (folder / out.video).string();
  return out;
}

// Takes over what only eval.jsonl has.
Result<void> add_verifiers(const std::filesystem::path& path,
                           std::vector<ThinkingQuestion>& questions) {
  GLMV_ASSIGN(const std::vector<synth::EvalItem> items, synth::read_eval(path));
  for (size_t i = 0; i < items.size() && i < questions.size(); ++i) {
    questions[i].verifier = items[i].verifier;
    questions[i].boxes = items[i].boxes;
  }
  return {};
}

std::string folded(std::string_view text) {
  std::string out = parsers::fold_white_space(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  while (out.ends_with('.')) out.pop_back();
  return out;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<std::vector<ThinkingQuestion>> read_thinking_questions(const std::filesystem::path& path) {
  GLMV_ASSIGN(const std::string text, read_file(path, kMaxFileBytes));
  std::vector<ThinkingQuestion> questions;
  bool has_verifiers = true;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (parsers::trim_white_space(line).empty()) continue;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    GLMV_ASSIGN(const Json json, parse_json(line, where));
    GLMV_ASSIGN(ThinkingQuestion question, read_question(json, where, path.parent_path()));
    has_verifiers = has_verifiers && json.contains("verifier");
    if (question.id.empty()) question.id = std::to_string(questions.size() + 1);
    questions.push_back(std::move(question));
  }
  if (questions.empty()) return invalid_argument("{}: holds no question", path.string());
  if (has_verifiers) {
    GLMV_RETURN_IF_ERROR(add_verifiers(path, questions));
  }
  return questions;
}

bool is_right(const ThinkingQuestion& question, const chat::TwoRounds& run) {
  const std::string& said = run.boxed.empty() ? run.answer : run.boxed.back();
  if (question.verifier) {
    return synth::check(*question.verifier, question.answer, question.boxes,
                        parsers::trim_white_space(said));
  }
  const std::string a = folded(said), b = folded(question.answer);
  const std::optional<double> x = number(a), y = number(b);
  return x && y ? *x == *y : a == b;
}

}  // namespace glmv::app
