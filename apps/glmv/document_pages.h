#pragma once
// Pages of documents as pictures of their own, under names: "report.pdf#page=3".

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/glmv/document_flags.h"
#include "glmv/media/document.h"
#include "glmv/media/image.h"

namespace glmv::app {

// Not thread-safe.
class DocumentPages {
 public:
  // Opens the documents that the flags name and gives the names of the pages that they pick, in
  // their order. Errors: those of reading the files and of DocumentReader; invalid_argument (pages
  // that are not there).
  Result<std::vector<std::string>> open(const DocumentFlags& flags);

  // 0: no name of a page.
  int page_of(const std::string& name) const;

  // At the resolution of the flags, or 180 dpi; less where the page then has more than 100 million
  // pixels. Errors: those of Document::render.
  Result<media::Image> render(const std::string& name) const;

 private:
  struct Page {
    std::shared_ptr<const media::Document> document;
    int number = 1;
  };

  media::DocumentReader reader_;
  std::map<std::string, Page> pages_;
  double dpi_ = 0;
};

}  // namespace glmv::app
