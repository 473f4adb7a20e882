#pragma once
// Documents that the model sees as pictures of their pages: PDF, and slides by way of PDF.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <span>
#include <string_view>
#include <vector>

#include "glmv/base/byte_lru.h"
#include "glmv/base/fd.h"
#include "glmv/base/result.h"
#include "glmv/base/rgb_pixels.h"
#include "glmv/media/document_kind.h"
#include "glmv/media/pdf_pages.h"
#include "glmv/media/slides.h"

namespace glmv::media {

struct DocumentLimits {
  SlideLimits slides;
  double max_seconds = 60;  // of looking at a PDF, or of rendering the pages of one call
  int max_programs = 2;     // of poppler at once; LibreOffice runs once at a time
  int64_t max_kept_bytes = int64_t{256} << 20;  // of pages, and again of converted slides
};

struct PageView {
  int page = 1;  // from 1
  int width = 0, height = 0;
  friend bool operator==(const PageView&, const PageView&) = default;
};

// An opened document. Thread-safe.
class Document {
 public:
  DocumentKind kind() const { return kind_; }
  int num_pages() const { return num_pages_; }
  // What it holds.
  int64_t num_bytes() const { return num_bytes_; }

  // In the order of `pages`, all of which exist. Errors: pdf_info()'s.
  Result<std::vector<PageSize>> page_sizes(std::span<const int> pages,
                                           const Wanted& wanted = {}) const;

  // Pictures of existing pages, in their order, by two programs side by side where it pays; those
  // rendered last are kept. `on_page` gets the number of pages that are there. Threads of this call
  // call both. Errors: render_pages()'s.
  Result<std::vector<RgbPixels>> render(std::span<const PageView> pages, const Wanted& wanted = {},
                                        const std::function<void(int64_t)>& on_page = {}) const;

 private:
  friend class DocumentReader;
  struct Shared;
  void note_sizes(int first, const std::vector<PageSize>& sizes) const;
  std::optional<PageSize> known_size(int page) const;

  DocumentKind kind_ = DocumentKind::kPdf;
  int num_pages_ = 0;
  int64_t num_bytes_ = 0;
  Digest digest_;
  std::shared_ptr<const Fd> pdf_;
  std::shared_ptr<Shared> shared_;
  mutable std::mutex mutex_;
  mutable std::map<int, PageSize> sizes_;  // what is known already
};

// Thread-safe; what it opens may outlive it.
class DocumentReader {
 public:
  explicit DocumentReader(DocumentLimits limits = {});

  // Of PDF or slides. The bytes are copied. Errors: document_kind()'s, pdf_info()'s,
  // slides_to_pdf()'s; unsupported for text. Messages name no file.
  Result<std::shared_ptr<const Document>> open(std::string_view bytes, const Wanted& wanted = {});

 private:
  Result<std::shared_ptr<const Document>> open_pdf(DocumentKind kind, const Digest& digest,
                                                   std::string_view pdf,
                                                   const Wanted& wanted) const;

  const std::shared_ptr<Document::Shared> shared_;
  std::timed_mutex office_;  // LibreOffice runs once at a time
  std::mutex mutex_;
  ByteLru<std::shared_ptr<const Document>> slides_;  // that were converted
};

// Whether the programs are there. Errors: unavailable, with the package to install.
Result<void> check_pdf_programs();

}  // namespace glmv::media
