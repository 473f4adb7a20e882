#include "glmv/runtime/grammar_source.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "glmv/base/json.h"
#include "glmv/base/utf8.h"

namespace glmv::runtime {
namespace {

constexpr size_t kMaxChoices = 10000;

bool is_grammar_text(GrammarKind kind) {
  return kind == GrammarKind::kEbnf || kind == GrammarKind::kGbnf;
}

// Depth of brackets, and every number of a {m,n}. In EBNF, brackets inside "..." and comments are
// text.
Result<void> check_brackets(std::string_view text, bool ebnf, const GrammarLimits& limits) {
  int depth = 0;
  bool in_class = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (in_class) {
      in_class = c != ']';
    } else if (ebnf && c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (ebnf && c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\') ++i;
      }
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      if (++depth > limits.nesting_depth) {
        return invalid_argument("groups are nested more than {} levels deep", limits.nesting_depth);
      }
    } else if (c == ')') {
      --depth;
    } else if (c == '{') {
      int64_t number = 0;
      for (size_t at = i + 1; at < text.size() && text[at] != '}'; ++at) {
        const char digit = text[at];
        if (digit == ',') number = 0;
        if (!std::isdigit(static_cast<unsigned char>(digit))) continue;
        number = number * 10 + (digit - '0');
        if (number > limits.repetitions) {
          return invalid_argument("a repetition counts to more than {}", limits.repetitions);
        }
      }
    }
  }
  return {};
}

int json_depth(const Json& json, int limit) {
  if (!json.is_structured() || limit < 0) return 0;
  int deepest = 0;
  for (const Json& part : json) deepest = std::max(deepest, json_depth(part, limit - 1));
  return deepest + 1;
}

}  // namespace

Result<void> check_grammar_source(const GrammarSource& source, const GrammarLimits& limits) {
  const std::string& text = source.text;
  if (text.size() > limits.source_bytes) {
    return invalid_argument("has {} bytes, at most {} are accepted", text.size(),
                            limits.source_bytes);
  }
  if (find_invalid_utf8(text)) return invalid_argument("is no valid UTF-8");
  if (text.find('\0') != std::string::npos) return invalid_argument("holds a NUL character");
  switch (source.kind) {
    case GrammarKind::kJsonObject:
    case GrammarKind::kChoice:
    case GrammarKind::kJsonSchema:  // checked by prepare_json_schema()
      return {};
    case GrammarKind::kRegex:
    case GrammarKind::kEbnf:
    case GrammarKind::kGbnf:
      if (text.empty()) return invalid_argument("is empty");
      return check_brackets(text, is_grammar_text(source.kind), limits);
    case GrammarKind::kStructuralTag:
    case GrammarKind::kToolCalls: {
      GLMV_ASSIGN(const Json json, parse_json(text, "structural tag"));
      // A schema inside may take the whole depth for itself.
      if (json_depth(json, 3 * limits.nesting_depth) > 2 * limits.nesting_depth) {
        return invalid_argument("is nested more than {} levels deep", 2 * limits.nesting_depth);
      }
      return {};
    }
  }
  return {};
}

Result<std::vector<std::string>> parse_choices(const std::string& text) {
  GLMV_ASSIGN(const Json list, parse_json(text, "choices"));
  if (!list.is_array() || list.empty() || list.size() > kMaxChoices) {
    return invalid_argument("choices must be a list of 1 to {} strings", kMaxChoices);
  }
  std::vector<std::string> out;
  for (const Json& choice : list) {
    if (!choice.is_string() || choice.get_ref<const std::string&>().empty()) {
      return invalid_argument("choices must be strings that are not empty, not {}", choice.dump());
    }
    if (choice.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return invalid_argument("a choice holds a NUL character");
    }
    out.push_back(choice);
  }
  return out;
}

std::string gbnf_to_ebnf(const std::string& text) {
  std::string out;
  bool in_class = false, in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      out += text.substr(i, 2);
      ++i;
      continue;
    }
    if (in_string) {
      in_string = c != '"';
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '#') {
      const size_t end = std::min(text.find('\n', i), text.size());
      i = end - 1;  // comments go
      continue;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[') {
      in_class = true;
    } else if (c == '.') {
      out += "[^]";
      continue;
    }
    out += c;
  }
  return out;
}

std::string unfold_optional_groups(const std::string& regex) {
  std::string out;
  std::vector<size_t> open;  // where groups begin in `out`
  bool in_class = false;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\') {
      out += regex.substr(i, 2);
      ++i;
      continue;
    }
    if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(') {
      open.push_back(out.size());
    } else if (c == ')' && !open.empty()) {
      const size_t begin = open.back();
      open.pop_back();
      if (i + 1 < regex.size() && regex[i + 1] == '?') {
        out.insert(begin, "(|");
        out += "))";
        ++i;
        if (i + 1 < regex.size() && regex[i + 1] == '?') ++i;  // lazy: the same texts
        continue;
      }
    }
    out += c;
  }
  return out;
}

std::string ebnf_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace glmv::runtime
