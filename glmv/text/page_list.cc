#include "glmv/text/page_list.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace glmv::text {
namespace {

constexpr int kMaxPage = 10'000'000;
constexpr size_t kMaxRanges = 10'000;

std::optional<int> page_number(std::string_view text) {
  int page = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), page);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && page >= 1 && page <= kMaxPage ? std::optional(page) : std::nullopt;
}

std::optional<PageRange> page_range(std::string_view text) {
  const size_t dash = text.find('-');
  const std::optional<int> first = page_number(text.substr(0, dash));
  if (!first) return {};
  if (dash == text.npos) return PageRange{*first, *first};
  const std::string_view behind = text.substr(dash + 1);
  if (behind.empty()) return PageRange{*first, 0};
  const std::optional<int> last = page_number(behind);
  if (!last || *last < *first) return {};
  return PageRange{*first, *last};
}

}  // namespace

Result<std::vector<PageRange>> parse_page_list(std::string_view text) {
  std::string list(text);
  std::erase_if(list, [](char c) { return c == ' ' || c == '\t'; });
  std::vector<PageRange> ranges;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::optional<PageRange> range =
        page_range(std::string_view(list).substr(begin, end - begin));
    if (!range || ranges.size() == kMaxRanges) {
      return invalid_argument("\"{}\": write pages as 1-3,7,12-", text.substr(0, 80));
    }
    ranges.push_back(*range);
    begin = end + 1;
  }
  return ranges;
}

Result<std::vector<int>> pick_pages(std::string_view list, int num_pages, int64_t max_pages) {
  const auto count = [](int64_t pages) {
    return fmt::format("{} page{}", pages, pages == 1 ? "" : "s");
  };
  std::vector<PageRange> ranges = {{1, 0}};
  if (!list.empty()) {
    GLMV_ASSIGN(ranges, parse_page_list(list));
  }
  std::set<int> pages;
  for (const PageRange& range : ranges) {
    const int last = range.last == 0 ? num_pages : range.last;
    if (std::max(range.first, last) > num_pages) {
      return invalid_argument("there is no page {}: the document has {}",
                              std::max(range.first, last), count(num_pages));
    }
    for (int page = range.first; page <= last; ++page) {
      pages.insert(page);
      if (std::ssize(pages) > max_pages) {
        return resource_exhausted(
            "{} of {} are too many: at most {} are taken at once; choose some, as pages 1-{}",
            list.empty() ? "all" : "these", count(num_pages), max_pages, max_pages);
      }
    }
  }
  return std::vector<int>(pages.begin(), pages.end());
}

}  // namespace glmv::text
