#pragma once
// What is in a file that a client sends: kind, size, tokens, a small picture of it.

#include "glmv/media/video_reader.h"
#include "glmv/server/media_loader.h"
#include "glmv/server/uploads.h"

namespace glmv::server {

// Fills what the bytes say of themselves. Errors: 415 (neither picture, video nor document), 422,
// 413, 503.
ApiResult<Upload> look_at_upload(std::string name, std::string bytes, const MediaOptions& options);

// A reader of an uploaded video. Errors: 404 (no video), 422, 500, 503.
ApiResult<std::unique_ptr<media::VideoReader>> open_upload(const Upload& upload,
                                                           const MediaOptions& options);

// PNGs of frames, each within kThumbSide x kThumbSide; `indices` ascend. Errors as open_upload().
inline constexpr int kThumbSide = 320;
ApiResult<std::vector<std::string>> frame_pngs(media::VideoReader& reader,
                                               std::span<const int64_t> indices);

// PNG of page `page` (from 1) as the model gets it, or at most `max_width` wide. Errors: 404 (no
// document, no such page), 422, 500, 503.
ApiResult<std::string> page_png(const Upload& upload, int page, int max_width,
                                const MediaOptions& options);

}  // namespace glmv::server
