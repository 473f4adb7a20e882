#include "glmv/server/media_errors.h"

namespace glmv::server {
namespace {

struct Row {
  MediaFault fault;
  const char* code;
  const char* text;
};

constexpr Row kRows[] = {
    {MediaFault::kNotAllowed, "media_not_allowed",
     "this source of media is not allowed here: send a data: URL (hosts and files are opened by "
     "--allow-media-domains and --allowed-local-media-path)"},
    {MediaFault::kFetchFailed, "media_fetch_failed",
     "the media could not be fetched; send them as a data: URL"},
    {MediaFault::kBadDataUrl, "media_decode_failed",
     "a bad data: URL: write data:image/png;base64,... in the standard alphabet, with padding and "
     "without white space"},
    {MediaFault::kNoPicture, "media_decode_failed",
     "this cannot be decoded: give a whole JPEG, PNG, WebP, GIF or BMP picture"},
    {MediaFault::kBadShape, "media_decode_failed",
     "one side is more than 200 times the other: cut the picture into parts"},
    {MediaFault::kMixedFrames, "media_decode_failed", "the frames of a video must have one size"},
    {MediaFault::kVideoFile, "media_decode_failed",
     "video files are not taken here: give the frames as pictures in \"frames\", or as "
     "data:video/jpeg;base64,FRAME,FRAME,..."},
    {MediaFault::kNoVideo, "media_decode_failed",
     "this cannot be decoded: give a whole video file (MP4, MOV, MKV, WebM, AVI, FLV, WMV, MPEG)"},
    {MediaFault::kFrameTimes, "media_decode_failed",
     "the times or indices of the frames must be numbers from 0 on, one for each frame"},
    {MediaFault::kDocuments, "media_decode_failed",
     "documents are not taken here: the server has no pdftoppm (package poppler-utils); give the "
     "pages as pictures"},
    {MediaFault::kTooLarge, "media_too_large",
     "more bytes, pixels or frames than are taken: send smaller or fewer pictures"},
};

}  // namespace

ApiError media_error(MediaFault fault, std::string param) {
  for (const Row& row : kRows) {
    if (row.fault == fault) {
      return {422, row.code, param + ": " + row.text, std::move(param), 0};
    }
  }
  return {422, "media_decode_failed", param, std::move(param), 0};
}

ApiError document_error(const Status& status, std::string param) {
  std::string text = param.empty() ? status.message : param + ": " + status.message;
  switch (status.code) {
    case Code::kCancelled:
      return {499, "cancelled", "the client is gone", "", 0};
    case Code::kInternal:
      return {500, "internal_error", "documents cannot be read now", "", 0, status.message};
    case Code::kUnavailable:
    case Code::kNotFound:
      return {503, "media_unavailable", std::move(text), std::move(param), 30};
    case Code::kResourceExhausted:
      return {422, "media_too_large", std::move(text), std::move(param), 0};
    default:
      return {422, "media_decode_failed", std::move(text), std::move(param), 0};
  }
}

}  // namespace glmv::server
