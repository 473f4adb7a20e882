#pragma once
// Flags that name documents and what of them is meant.

#include <string>
#include <vector>

#include "apps/glmv/cli_forward.h"
#include "glmv/text/messages.h"

namespace glmv::app {

struct DocumentFlags {
  std::vector<std::string> documents;  // files
  std::string pages;                   // as parse_page_list() reads them
  double dpi = 0;
  int64_t max_tokens = 0;
};
void add_document_flags(CLI::App& command, DocumentFlags& flags);
// Without what is about a prompt that holds all pages: for commands that ask about each page.
void add_page_flags(CLI::App& command, DocumentFlags& flags);

// A part for each file, which is not opened yet. invalid_argument: the pages cannot be read.
Result<std::vector<text::ContentPart>> document_parts(const DocumentFlags& flags);

}  // namespace glmv::app
