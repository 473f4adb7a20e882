#pragma once
// What clients are told of media that were not taken: one text each, whatever the reason inside.

#include <string>

#include "glmv/server/api_error.h"

namespace glmv::server {

enum class MediaFault {
  kNotAllowed,   // the kind of source, the host, the path
  kFetchFailed,  // no answer, a bad one, a forbidden address, no such file: not told apart
  kBadDataUrl,   // media_decode_failed
  kNoPicture,    // media_decode_failed: not a format that is taken, damaged, its decoder broke
  kBadShape,     // media_decode_failed
  kMixedFrames,  // media_decode_failed
  kVideoFile,    // media_decode_failed: this server takes none
  kNoVideo,      // media_decode_failed: as kNoPicture
  kFrameTimes,   // media_decode_failed
  kDocuments,    // media_decode_failed: this server takes none
  kTooLarge,
};

// 422 with the code of the fault.
ApiError media_error(MediaFault fault, std::string param);

// Of a document, by what its reader says, which is meant for clients: 422, or 503 where a program,
// memory or room is missing.
ApiError document_error(const Status& status, std::string param);

}  // namespace glmv::server
