#include "glmv/synth/wordings.h"

#include <algorithm>
#include <cctype>

#include "glmv/base/check.h"

namespace glmv::synth {
namespace {

std::string choose_alternative(Dice& dice, std::string_view group) {
  std::vector<std::string_view> options;
  size_t begin = 0;
  for (size_t i = 0; i <= group.size(); ++i) {
    if (i == group.size() || group[i] == '|') {
      options.push_back(group.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  return std::string(dice.pick(options));
}

std::string expand(Dice& dice, std::string_view text,
                   const std::vector<std::pair<std::string, std::string>>& fills) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      out += text[i];
      continue;
    }
    const size_t end = text.find('}', i);
    GLMV_CHECK(end != std::string_view::npos, "wording \"{}\" has an open brace", text);
    const std::string_view name = text.substr(i + 1, end - i - 1);
    i = end;
    if (name.find('|') != std::string_view::npos) {
      const std::string option = choose_alternative(dice, name);
      out += option;
      // An empty alternative takes its space with it.
      if (option.empty() && i + 1 < text.size() && text[i + 1] == ' ') ++i;
      continue;
    }
    const auto fill = std::ranges::find(fills, name, &std::pair<std::string, std::string>::first);
    GLMV_CHECK(fill != fills.end(), "wording \"{}\" wants {{{}}}", text, name);
    out += fill->second;
  }
  return out;
}

// People leave out capitals and full stops.
void relax(Dice& dice, std::string& text) {
  if (dice.chance(0.1)) text[0] = static_cast<char>(std::tolower(text[0]));
  if (dice.chance(0.08) && (text.back() == '?' || text.back() == '.')) text.pop_back();
}

}  // namespace

std::string wording(Dice& dice, Split split, Form form,
                    const std::vector<std::pair<std::string, std::string>>& fills) {
  const bool only_test = split == Split::kTest && dice.chance(0.5);
  std::vector<const Wording*> usable;
  for (const Wording& row : wordings()) {
    if (row.form != form) continue;
    const bool fits = only_test               ? row.use == Use::kTest
                      : split == Split::kTest ? row.use == Use::kBoth
                                              : row.use != Use::kTest;
    if (fits) usable.push_back(&row);
  }
  GLMV_CHECK(!usable.empty(), "form {} has no wording", static_cast<int>(form));
  std::string text = expand(dice, dice.pick(usable)->text, fills);
  relax(dice, text);
  return text;
}

}  // namespace glmv::synth
