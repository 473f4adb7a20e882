#pragma once
// Pages of a PDF file -> pixels, by poppler's programs in limited children.

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "glmv/base/fd.h"
#include "glmv/base/result.h"
#include "glmv/base/wanted.h"
#include "glmv/media/image.h"

namespace glmv::media {

struct PageSize {
  double width = 0, height = 0;  // points, as shown
  bool turned = false;           // by a quarter
};

struct PdfInfo {
  int num_pages = 0;
  std::vector<PageSize> sizes;  // of the pages that were asked for; 0 x 0 of a damaged one
};

// Pages first .. last (from 1; what lies beyond the end is left out). Errors: unsupported
// (encrypted), invalid_argument (damaged), resource_exhausted (a limit), unavailable (no poppler),
// cancelled.
Result<PdfInfo> pdf_info(const Fd& file, int first, int last, double max_seconds,
                         const Wanted& wanted = {});

// `count` pages from `first` on, each width x height pixels whatever its shape; `on_page` gets them
// in order and may end it (cancelled). Errors as pdf_info(), and invalid_argument for a page that
// gives no picture.
struct PageRun {
  int first = 1, count = 1;
  int width = 0, height = 0;
  double turned_dpi = 0;  // not 0: of turned pages, with which they have about this size
};
Result<void> render_pages(const Fd& file, const PageRun& run, double max_seconds,
                          const std::function<bool(Image)>& on_page, const Wanted& wanted = {});

namespace internal {
// What pdfinfo prints. Errors: invalid_argument.
Result<PdfInfo> parse_pdf_info(std::string_view text, int first, int last);

// Pictures that come as PPM files, one behind the other, in pieces.
class PpmReader {
 public:
  PpmReader(int64_t max_pixels, std::function<bool(Image)> on_page);
  // False: enough, or it is no PPM file of at most max_pixels (then failed()).
  bool add(std::string_view bytes);
  bool failed() const { return failed_; }
  bool inside() const { return !header_.empty(); }
  int num_pages() const { return num_pages_; }

 private:
  bool read_header();

  const int64_t max_pixels_;
  const std::function<bool(Image)> on_page_;
  std::string header_;
  Image image_;
  size_t num_bytes_ = 0;
  int num_pages_ = 0;
  bool failed_ = false;
};
}  // namespace internal

}  // namespace glmv::media
