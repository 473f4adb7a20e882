#pragma once
// Which pages of a document are meant: "1-3,7,12-".

#include <cstdint>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::text {

// Resolutions of pages that can be asked for.
inline constexpr double kMinDpi = 10, kMaxDpi = 600;

struct PageRange {
  int first = 1;
  int last = 0;  // 0: to the end
  friend bool operator==(const PageRange&, const PageRange&) = default;
};

// Numbers from 1 on and ranges of them, with commas between and blanks anywhere; at least one.
// Errors: invalid_argument.
Result<std::vector<PageRange>> parse_page_list(std::string_view text);

// What a list picks of so many pages, ascending; an empty list: all of them. Errors:
// invalid_argument (the list; a page that is not there), resource_exhausted (more than max_pages).
Result<std::vector<int>> pick_pages(std::string_view list, int num_pages, int64_t max_pages);

}  // namespace glmv::text
