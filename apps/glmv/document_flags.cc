#include <CLI/CLI.hpp>

#include "apps/glmv/document_flags.h"

#include "glmv/text/page_list.h"

namespace glmv::app {

namespace {

constexpr char kGroup[] = "Documents";

void add_flags(CLI::App& command, DocumentFlags& flags, const std::string& about_files,
               const std::string& about_dpi) {
  command.add_option("-d,--doc", flags.documents, about_files)
      ->allow_extra_args(false)
      ->group(kGroup);
  command
      .add_option("--pages", flags.pages, "of each PDF and slide file: 1-5,9,12- (default: all)")
      ->group(kGroup);
  command.add_option("--dpi", flags.dpi, about_dpi)
      ->check(CLI::Range(text::kMinDpi, text::kMaxDpi))
      ->group(kGroup);
}

}  // namespace

void add_page_flags(CLI::App& command, DocumentFlags& flags) {
  add_flags(command, flags,
            "PDF or slides (PPTX, PPT, ODP), each page of which is a picture; repeatable",
            "resolution of the pages (default: 180)");
}

void add_document_flags(CLI::App& command, DocumentFlags& flags) {
  add_flags(command, flags, "PDF, slides (PPTX, PPT, ODP) or text file, repeatable",
            "resolution of the pages (default: up to 180, as --doc-tokens allows)");
  command
      .add_option("--doc-tokens", flags.max_tokens,
                  "tokens of a document's pages at most, where no --dpi is given (default: 24000, "
                  "or three quarters of a smaller context)")
      ->check(CLI::Range(int64_t{64}, int64_t{10'000'000}))
      ->group(kGroup);
}

Result<std::vector<text::ContentPart>> document_parts(const DocumentFlags& flags) {
  if (!flags.pages.empty()) {
    if (const auto list = text::parse_page_list(flags.pages); !list) {
      return in_context("--pages", list.error());
    }
  }
  std::vector<text::ContentPart> parts;
  for (const std::string& path : flags.documents) {
    parts.push_back({.kind = text::PartKind::kDocument,
                     .source = path,
                     .pages = flags.pages,
                     .dpi = flags.dpi,
                     .max_tokens = flags.max_tokens});
  }
  return parts;
}

}  // namespace glmv::app
