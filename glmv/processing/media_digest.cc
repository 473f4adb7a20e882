#include "glmv/processing/media_digest.h"

#include <bit>

namespace glmv::processing {

static_assert(std::endian::native == std::endian::little, "patch values are hashed as they lie");

Digest media_digest(const Medium& medium) {
  Sha256 hash;
  hash.add_framed("glmv-media-1").add_u64(static_cast<uint64_t>(medium.kind));
  for (const int64_t side : {medium.grid.t, medium.grid.h, medium.grid.w}) {
    hash.add_u64(static_cast<uint64_t>(side));
  }
  hash.add_framed(std::as_bytes(std::span(medium.patches)));
  return hash.digest();
}

}  // namespace glmv::processing
