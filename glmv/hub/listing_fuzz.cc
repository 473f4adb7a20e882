// What a hub may answer: its list of files, and every name in it.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/hub/listing.h"
#include "glmv/hub/repo_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto listing = glmv::hub::parse_listing(text)) {
    for (const auto& file : listing->files) {
      GLMV_CHECK(!file.name.starts_with('/') &&
                 ("/" + file.name + "/").find("/../") == std::string::npos);
    }
  }
  if (const auto repo = glmv::hub::parse_repo_name(text)) {
    const auto back = glmv::hub::repo_of_folder(repo->folder());
    GLMV_CHECK(back && back->id() == repo->id());
  }
  return 0;
}
