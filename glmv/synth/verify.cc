#include "glmv/synth/verify.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace glmv::synth {
namespace {

constexpr double kIouThreshold = 0.5;

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// Text between the last `open` and the next `close` (or the end); nothing when `open` is absent.
std::optional<std::string_view> last_between(std::string_view text, std::string_view open,
                                             std::string_view close) {
  const size_t begin = text.rfind(open);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(begin + open.size());
  return rest.substr(0, rest.find(close));
}

bool same_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(trimmed(a), trimmed(b), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::optional<long> whole_number(std::string_view text) {
  text = trimmed(text);
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

double found_share(const std::vector<GridBox>& gold, const std::vector<GridBox>& answered) {
  if (gold.empty() || answered.empty()) return 0;
  std::vector<bool> used(answered.size(), false);
  int found = 0;
  for (const GridBox& box : gold) {
    int best = -1;
    double best_iou = kIouThreshold;
    for (size_t i = 0; i < answered.size(); ++i) {
      const double value = iou(box, answered[i]);
      if (!used[i] && value > best_iou) {
        best = static_cast<int>(i);
        best_iou = value;
      }
    }
    if (best < 0) continue;
    used[best] = true;
    ++found;
  }
  return static_cast<double>(found) / std::max(gold.size(), answered.size());
}

bool inside(const std::vector<GridBox>& gold, const std::vector<GridBox>& answered) {
  if (gold.size() != 1 || answered.size() != 1) return false;
  const double x = (answered[0].x1 + answered[0].x2) / 2.0;
  const double y = (answered[0].y1 + answered[0].y2) / 2.0;
  const GridBox& box = gold[0];
  return x >= box.x1 && x <= box.x2 && y >= box.y1 && y <= box.y2;
}

// Reads the numbers of one innermost bracket; empty on anything unexpected.
class BoxReader {
 public:
  explicit BoxReader(std::string_view text) {
    for (char c : text) {
      if (!std::isspace(static_cast<unsigned char>(c))) text_ += c;
    }
  }

  std::vector<GridBox> read() {
    std::vector<GridBox> boxes;
    const bool nested = text_.starts_with("[[");
    if (nested) ++at_;
    do {
      const std::optional<GridBox> box = read_box();
      if (!box) return {};
      boxes.push_back(*box);
    } while (nested && eat(','));
    if (nested && !eat(']')) return {};
    return at_ == text_.size() ? boxes : std::vector<GridBox>{};
  }

 private:
  bool eat(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::optional<GridBox> read_box() {
    if (!eat('[')) return std::nullopt;
    std::vector<int> values;
    do {
      int value = -1;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0 || value > 1000 || values.size() == 4) {
        return std::nullopt;
      }
      at_ += end - begin;
      values.push_back(value);
    } while (eat(','));
    if (!eat(']')) return std::nullopt;
    if (values.size() == 2) return GridBox{values[0], values[1], values[0], values[1]};
    if (values.size() != 4 || values[2] < values[0] || values[3] < values[1]) return std::nullopt;
    return GridBox{values[0], values[1], values[2], values[3]};
  }

  std::string text_;
  size_t at_ = 0;
};

}  // namespace

std::string_view answer_of(std::string_view reply) {
  if (auto box = last_between(reply, "<|begin_of_box|>", "<|end_of_box|>")) return trimmed(*box);
  if (auto answer = last_between(reply, "<answer>", "</answer>")) return trimmed(*answer);
  if (auto rest = last_between(reply, "</think>", "<|")) return trimmed(*rest);
  return trimmed(reply);
}

std::vector<GridBox> parse_boxes(std::string_view text) { return BoxReader(text).read(); }

double iou(const GridBox& a, const GridBox& b) {
  const auto area = [](const GridBox& box) {
    return static_cast<double>(box.x2 - box.x1) * (box.y2 - box.y1);
  };
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const double height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const double common = width * height;
  return common / (area(a) + area(b) - common);
}

bool check(VerifierKind kind, std::string_view gold, const std::vector<GridBox>& boxes,
           std::string_view answer) {
  switch (kind) {
    case VerifierKind::kExact:
      return same_text(gold, answer);
    case VerifierKind::kInteger: {
      const auto value = whole_number(answer);
      return value && value == whole_number(gold);
    }
    case VerifierKind::kIou:
      return found_share(boxes, parse_boxes(answer)) == 1;
    case VerifierKind::kInside:
      return inside(boxes, parse_boxes(answer));
  }
  return false;
}

bool check(const QaSample& sample, std::string_view answer) {
  return check(sample.verifier, sample.answer, sample.boxes, answer);
}

double score(const QaSample& sample, std::string_view answer) {
  if (sample.verifier == VerifierKind::kIou) return found_share(sample.boxes, parse_boxes(answer));
  return check(sample, answer) ? 1 : 0;
}

}  // namespace glmv::synth
