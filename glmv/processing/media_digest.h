#pragma once
// The name of a picture or video as the model sees it: caches of encoded media and of prefixes know
// media by it.

#include "glmv/base/sha256.h"
#include "glmv/processing/model_input.h"

namespace glmv::processing {

// SHA-256 over framed fields (u64 numbers little-endian, lengths before contents):
//   "glmv-media-1" | kind | grid t, h, w | bytes of all patch values | the values, fp32
//   little-endian
// The values are those after decoding, resizing and normalising, so every parameter of the
// processor is in them, and the same picture in another file format has the same name. Kind and
// grid keep apart what has equal values in another arrangement. `medium` must hold its patches.
Digest media_digest(const Medium& medium);

}  // namespace glmv::processing
