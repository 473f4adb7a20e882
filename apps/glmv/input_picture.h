#pragma once
// Pictures that a command line names: files, folders of them, URLs, and pages of documents.

#include <memory>
#include <string>
#include <vector>

#include "apps/glmv/document_pages.h"
#include "apps/glmv/load_backend.h"
#include "glmv/base/result.h"
#include "glmv/media/image.h"
#include "glmv/media/picture_decoder.h"

namespace glmv::app {

struct InputPicture {
  std::string name;    // as given; of a page as DocumentPages has it
  int page = 0;        // of a document; 0: no page
  std::string source;  // for a message: the path, or a data: URL with what is no picture file
  std::string href;    // data: URL that shows the same pixels
  media::Image image;  // upright
};

// Not thread-safe.
class PictureInput {
 public:
  // The names of all pictures: folders as expand_folders() has it, then pages. Errors: of either.
  Result<std::vector<std::string>> list(const std::vector<std::string>& pictures,
                                        const DocumentFlags& documents);

  // A name of list(), a path, file:// or data: URL, or an http(s) URL, which must lead to public
  // addresses, as must all of its redirects. Decoded in a child process. Errors: those of
  // media::load_source, decode_image and DocumentPages::render; unavailable (not fetched).
  Result<InputPicture> load(const std::string& name);

 private:
  Result<InputPicture> fetch(const std::string& url);
  Result<InputPicture> load_page(const std::string& name) const;

  DocumentPages pages_;
  const std::shared_ptr<media::PictureDecoder> decoder_ = limited_decoder();
};

bool is_web_url(const std::string& name);

// Folders replaced by the pictures in them, sorted by name; by their endings. Errors:
// invalid_argument (a folder without any).
Result<std::vector<std::string>> expand_folders(const std::vector<std::string>& names);

}  // namespace glmv::app
