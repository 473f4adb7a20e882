#pragma once
// What is in a file that a client sends: kind, size, tokens, a small picture of it.

#include "glmv/media/video_reader.h"
#include "glmv/server/media_loader.h"
#include "glmv/server/uploads.h"

namespace glmv::server {

// Fills what the bytes say of themselves. Errors: 415 (neither picture nor video), 422, 413.
ApiResult<Upload> look_at_upload(std::string name, std::string bytes, const MediaOptions& options);

// A reader of an uploaded video. Errors: 404 (no video), 422, 500, 503.
ApiResult<std::unique_ptr<media::VideoReader>> open_upload(const Upload& upload,
                                                           const MediaOptions& options);

// PNGs of frames, each within kThumbSide x kThumbSide; `indices` ascend. Errors as open_upload().
inline constexpr int kThumbSide = 320;
ApiResult<std::vector<std::string>> frame_pngs(media::VideoReader& reader,
                                               std::span<const int64_t> indices);

}  // namespace glmv::server
