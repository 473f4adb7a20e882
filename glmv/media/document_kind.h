#pragma once
// Kinds of documents, recognised by content; names are only looked at for text.

#include <string_view>

#include "glmv/base/result.h"

namespace glmv::media {

enum class DocumentKind { kPdf, kPptx, kOdp, kPpt, kText };

inline bool is_slides(DocumentKind kind) {
  return kind == DocumentKind::kPptx || kind == DocumentKind::kOdp || kind == DocumentKind::kPpt;
}
// "PDF document", "PowerPoint slides", ...
std::string_view kind_name(DocumentKind kind);
// "pdf", "pptx", "odp", "ppt", "txt"
std::string_view file_extension(DocumentKind kind);
// "application/pdf", ...
std::string_view media_type(DocumentKind kind);

// Errors: unsupported (another kind of file, which is named with what to do about it; encrypted),
// invalid_argument (empty, a damaged ZIP file), resource_exhausted (too many entries in it).
Result<DocumentKind> document_kind(std::string_view bytes);

}  // namespace glmv::media
