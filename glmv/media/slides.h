#pragma once
// Slides -> PDF, by LibreOffice in a limited child.

#include <filesystem>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/base/wanted.h"
#include "glmv/media/document_kind.h"

namespace glmv::media {

struct SlideLimits {
  size_t max_unpacked_bytes = size_t{512} << 20;  // of PPTX and ODP
  size_t max_pdf_bytes = size_t{256} << 20;
  double max_seconds = 60;
  size_t max_memory_bytes = size_t{4} << 30;
};

// LibreOffice's program. Errors: unavailable, with the package to install.
Result<std::filesystem::path> find_office();

// The PDF of slides of that kind. Files are in a folder of its own (below $TMPDIR or /tmp)
// meanwhile, LibreOffice's profile too. Blocks for seconds; may be called by several threads, but a
// second program makes neither faster. Errors: unavailable (no LibreOffice, no room on the disk),
// invalid_argument (damaged), resource_exhausted (a limit), cancelled.
Result<std::string> slides_to_pdf(std::string_view bytes, DocumentKind kind,
                                  const SlideLimits& limits, const Wanted& wanted = {});

}  // namespace glmv::media
