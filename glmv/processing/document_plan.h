#pragma once
// Which pages of a document the model sees, how large, and what stands in the prompt for them. The
// one place where documents of messages become pictures and text.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/document.h"
#include "glmv/processing/grid.h"
#include "glmv/processing/preparation.h"
#include "glmv/processing/processor_config.h"
#include "glmv/text/messages.h"

namespace glmv::processing {

struct DocumentRule {
  int64_t max_pages = 60;                // of one document
  int64_t max_slides = 40;               // instead of so many pages: of more slides, some are taken
  int64_t max_tokens = 24'000;           // of one document's pages, where no dpi is given
  size_t max_bytes = size_t{128} << 20;  // of a file
  size_t max_text_bytes = size_t{4} << 20;  // of one that is text
};

struct DocumentPlan {
  std::vector<media::PageView> pages;  // ascending, of the size that the model gets
  double dpi = 0;
  int64_t num_tokens = 0;  // of the pictures and what is written beside them
};

// part.pages picks; without it all pages are taken, or of more slides than max_slides the first,
// the last and every n-th between. part.dpi, else the largest resolution up to 180 dpi with which
// max_tokens are enough. `max_pixels`: of a page after resize, 0 for no further limit. Errors:
// invalid_argument (pages that are not there, a page of a bad shape or without size),
// resource_exhausted (more pages than max_pages or max_tokens allow), Document::page_sizes().
Result<DocumentPlan> plan_document(const media::Document& document, const text::ContentPart& part,
                                   const ProcessorConfig& config, const DocumentRule& rule,
                                   int64_t max_pixels, const Wanted& wanted = {});

// What stands in the prompt: pictures, with the number of each page before it where there are
// several. `pictures`: of the plan's pages.
std::vector<text::ContentPart> page_parts(const DocumentPlan& plan,
                                          std::span<const RgbPixels> pictures);

// A fenced block under the file's name. `text`: UTF-8.
text::ContentPart text_file_part(std::string_view name, std::string_view text);

// All of it, from the bytes of a file. `part.name`, else the end of a path in part.source, is the
// file's name; `preparation` may be null. Errors: also DocumentReader::open()'s and
// Document::render()'s.
Result<std::vector<text::ContentPart>> read_document(media::DocumentReader& reader,
                                                     std::string_view bytes,
                                                     const text::ContentPart& part,
                                                     const ProcessorConfig& config,
                                                     const DocumentRule& rule, int64_t max_pixels,
                                                     Preparation* preparation = nullptr);

bool has_documents(std::span<const text::Message> messages);

// Messages with the pages in place of their documents, which are read from their sources: paths,
// file:// and data: URLs. Errors name the part and the file.
Result<std::vector<text::Message>> expand_documents(std::span<const text::Message> messages,
                                                    media::DocumentReader& reader,
                                                    const ProcessorConfig& config,
                                                    const DocumentRule& rule, int64_t max_pixels,
                                                    Preparation* preparation = nullptr);

}  // namespace glmv::processing
