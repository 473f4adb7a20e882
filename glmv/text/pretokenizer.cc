#include "glmv/text/pretokenizer.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/text/unicode_classes.h"

namespace glmv::text {
namespace {

constexpr int kMaxDepth = 8;
// What a ByteLevel step splits by when use_regex is set: GPT-2's pattern.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Result<bool> read_bool(const Json& json, const char* key, bool fallback) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return fallback;
  if (!it->is_boolean()) return invalid_argument("pre_tokenizer: \"{}\" is not a boolean", key);
  return it->get<bool>();
}

Result<SplitBehavior> read_behavior(const Json& json) {
  const auto it = json.find("behavior");
  const std::string name = it != json.end() && it->is_string() ? it->get<std::string>() : "";
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return invalid_argument("pre_tokenizer: unknown Split behavior \"{}\"", name);
}

void merge_with_previous(std::vector<Segment>& segments) {
  std::vector<Segment> merged;
  bool after_match = false;
  for (const Segment& segment : segments) {
    if (segment.is_match && !after_match && !merged.empty()) {
      merged.back().end = segment.end;
    } else {
      merged.push_back(segment);
    }
    after_match = segment.is_match;
  }
  segments = std::move(merged);
}

void merge_with_next(std::vector<Segment>& segments) {
  std::vector<Segment> merged;  // from the last to the first
  bool before_match = false;
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) {
    if (it->is_match && !before_match && !merged.empty()) {
      merged.back().begin = it->begin;
    } else {
      merged.push_back(*it);
    }
    before_match = it->is_match;
  }
  std::reverse(merged.begin(), merged.end());
  segments = std::move(merged);
}

void merge_contiguous(std::vector<Segment>& segments) {
  std::vector<Segment> merged;
  for (const Segment& segment : segments) {
    if (!merged.empty() && merged.back().is_match == segment.is_match) {
      merged.back().end = segment.end;
    } else {
      merged.push_back(segment);
    }
  }
  segments = std::move(merged);
}

void apply_behavior(SplitBehavior behavior, std::vector<Segment>& segments) {
  switch (behavior) {
    case SplitBehavior::kIsolated:
      break;
    case SplitBehavior::kRemoved:
      std::erase_if(segments, [](const Segment& segment) { return segment.is_match; });
      break;
    case SplitBehavior::kMergedWithPrevious:
      merge_with_previous(segments);
      break;
    case SplitBehavior::kMergedWithNext:
      merge_with_next(segments);
      break;
    case SplitBehavior::kContiguous:
      merge_contiguous(segments);
      break;
  }
}

void cut(std::string_view piece, const std::vector<Segment>& segments,
         std::vector<std::string_view>& out) {
  for (const Segment& segment : segments) {
    if (segment.begin < segment.end) {
      out.push_back(piece.substr(segment.begin, segment.end - segment.begin));
    }
  }
}

// Numbers against everything else; each number character alone when `individual`.
void split_digits(std::string_view piece, bool individual, std::vector<std::string_view>& out) {
  size_t start = 0;
  bool in_number = false;
  for (size_t pos = 0; pos < piece.size();) {
    const DecodedChar c = decode_utf8(piece, pos);
    const bool is_number = char_class(c.code_point) == CharClass::kNumber;
    if (pos > start && (is_number != in_number || (is_number && individual))) {
      out.push_back(piece.substr(start, pos - start));
      start = pos;
    }
    in_number = is_number;
    pos += c.num_bytes;
  }
  out.push_back(piece.substr(start));
}

}  // namespace

Result<PreTokenizer> PreTokenizer::from_json(const Json& json) {
  PreTokenizer result;
  if (!json.is_null()) GLMV_RETURN_IF_ERROR(result.add(json, 0));
  return result;
}

Result<void> PreTokenizer::add(const Json& json, int depth) {
  const auto type_it = json.is_object() ? json.find("type") : json.end();
  if (!json.is_object() || type_it == json.end() || !type_it->is_string()) {
    return invalid_argument("pre_tokenizer: expected an object with a \"type\"");
  }
  const auto& type = type_it->get_ref<const std::string&>();
  if (type == "Sequence") {
    const auto members = json.find("pretokenizers");
    if (members == json.end() || !members->is_array() || depth >= kMaxDepth) {
      return invalid_argument("pre_tokenizer: Sequence without a list \"pretokenizers\"");
    }
    for (const Json& member : *members) GLMV_RETURN_IF_ERROR(add(member, depth + 1));
    return {};
  }
  if (is_byte_level_) {
    // Later steps would have to match GPT-2's alphabet instead of the text.
    return unsupported("pre_tokenizer: a {} step after ByteLevel is not supported", type);
  }
  if (type == "Split") return add_split(json);
  if (type == "Digits") {
    GLMV_ASSIGN(const bool individual, read_bool(json, "individual_digits", false));
    steps_.emplace_back(DigitsStep{individual});
    return {};
  }
  if (type == "ByteLevel") return add_byte_level(json);
  return unsupported(
      "pre_tokenizer type \"{}\" is not supported (known: Sequence, Split, Digits, ByteLevel)",
      type);
}

Result<void> PreTokenizer::add_split(const Json& json) {
  GLMV_ASSIGN(const SplitBehavior behavior, read_behavior(json));
  GLMV_ASSIGN(const bool invert, read_bool(json, "invert", false));
  const auto pattern = json.find("pattern");
  if (pattern != json.end() && pattern->is_object()) {
    const auto regex = pattern->find("Regex");
    if (regex != pattern->end() && regex->is_string()) {
      const auto& source = regex->get_ref<const std::string&>();
      if (behavior == SplitBehavior::kIsolated) {
        // There are no gaps between the matches, so "invert" changes nothing.
        if (const auto scanner = GlmSplit::from_pattern(source)) {
          steps_.emplace_back(*scanner);
          return {};
        }
      }
      GLMV_ASSIGN(RegexSplit compiled, RegexSplit::compile(source));
      steps_.emplace_back(RegexStep{std::move(compiled), behavior, invert});
      return {};
    }
    const auto literal = pattern->find("String");
    if (literal != pattern->end() && literal->is_string()) {
      GLMV_ASSIGN(RegexSplit compiled,
                  RegexSplit::compile_literal(literal->get_ref<const std::string&>()));
      steps_.emplace_back(RegexStep{std::move(compiled), behavior, invert});
      return {};
    }
  }
  return invalid_argument(
      "pre_tokenizer: Split needs \"pattern\": {{\"Regex\": \"...\"}} or "
      "{{\"String\": \"...\"}}");
}

Result<void> PreTokenizer::add_byte_level(const Json& json) {
  GLMV_ASSIGN(const bool add_prefix_space, read_bool(json, "add_prefix_space", true));
  GLMV_ASSIGN(const bool use_regex, read_bool(json, "use_regex", true));
  is_byte_level_ = true;
  if (add_prefix_space) steps_.emplace_back(PrefixSpaceStep{});
  if (use_regex) {
    GLMV_ASSIGN(RegexSplit compiled, RegexSplit::compile(kGpt2Pattern));
    steps_.emplace_back(RegexStep{std::move(compiled), SplitBehavior::kIsolated, false});
  }
  return {};
}

Result<void> PreTokenizer::split(std::string_view text, Pieces& out) const {
  std::vector<std::string_view> current;
  if (!text.empty()) current.push_back(text);
  std::vector<std::string_view> next;
  for (const Step& step : steps_) {
    next.clear();
    for (const std::string_view piece : current) {
      if (const auto* scanner = std::get_if<GlmSplit>(&step)) {
        for (size_t pos = 0; pos < piece.size();) {
          const size_t end = scanner->next(piece, pos);
          next.push_back(piece.substr(pos, end - pos));
          pos = end;
        }
      } else if (const auto* regex = std::get_if<RegexStep>(&step)) {
        GLMV_ASSIGN(std::vector<Segment> segments, regex->regex.find(piece));
        if (regex->invert) {
          for (Segment& segment : segments) segment.is_match = !segment.is_match;
        }
        apply_behavior(regex->behavior, segments);
        cut(piece, segments, next);
      } else if (const auto* digits = std::get_if<DigitsStep>(&step)) {
        split_digits(piece, digits->individual, next);
      } else if (piece.starts_with(' ')) {
        next.push_back(piece);
      } else {
        next.push_back(out.storage.emplace_back(fmt::format(" {}", piece)));
      }
    }
    current.swap(next);
  }
  out.pieces.insert(out.pieces.end(), current.begin(), current.end());
  return {};
}

}  // namespace glmv::text
