#pragma once
// Pictures and frames of a request -> pixels, before a backend sees it. The only way in which a
// request gets media: chat_call switches the reading of sources off behind it.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "glmv/api/chat_types.h"
#include "glmv/media/local_folder.h"
#include "glmv/media/picture_decoder.h"
#include "glmv/media/video_reader.h"
#include "glmv/net/media_fetcher.h"
#include "glmv/processing/document_plan.h"
#include "glmv/processing/media_cache.h"
#include "glmv/processing/processor_config.h"
#include "glmv/server/api_error.h"
#include "glmv/server/uploads.h"

namespace glmv::server {

// Frames of videos count as pictures, but for max_images.
struct MediaLimits {
  int64_t max_images = 64;  // per request
  int64_t max_videos = 1;
  int64_t max_frames = 640;  // that the model sees, of all videos of a request
  size_t max_picture_bytes = size_t{32} << 20;
  int64_t max_picture_pixels = 100'000'000;
  size_t max_video_bytes = size_t{256} << 20;
  double max_video_seconds = 120;  // of reading one
  int64_t max_documents = 4;       // per request
  size_t max_document_bytes = size_t{30} << 20;
  size_t max_request_bytes = size_t{512} << 20;
  int64_t max_request_pixels = 400'000'000;
  int64_t max_model_pixels =
      0;  // of a picture or frame as the model gets it; 0: the checkpoint's limit
  int64_t max_held_bytes = int64_t{4} << 30;  // pixels of all requests that are answered or wait
  std::chrono::milliseconds fetch_deadline{10'000};           // per picture
  std::chrono::milliseconds file_fetch_deadline{60'000};      // per video or document
  std::chrono::milliseconds request_fetch_deadline{120'000};  // for all of a request
};

struct MediaOptions {
  MediaLimits limits;
  std::shared_ptr<media::PictureDecoder> decoder;    // null: in this process
  std::shared_ptr<media::VideoOpener> videos;        // null: video files are not taken
  std::shared_ptr<media::DocumentReader> documents;  // null: documents are not taken
  processing::DocumentRule document_rule;            // which of their pages the model sees
  processing::ProcessorConfig processor;             // of the model: which frames it sees
  std::shared_ptr<const net::MediaFetcher> fetcher;  // null: nothing is fetched
  std::shared_ptr<const media::LocalFolder> folder;  // null: no files are read
  // What was read before, as the model gets it: of the backend, which fills it. Null: none.
  std::shared_ptr<processing::MediaCache> cache;
};

// Thread-safe.
class MediaLoader {
 public:
  explicit MediaLoader(MediaOptions options);

  // Fills pixels of every part that is a picture or a video, or what the cache has of it under the
  // salt of the request, and clears its sources; pages or text take the place of documents. Limits
  // are those of reading also for what was found.
  // Errors: 422 with too_many_pages, media_not_allowed, media_fetch_failed, media_decode_failed or
  // media_too_large, whose texts say nothing of addresses, files or libraries; 400 for too many
  // media; 503 while requests hold more pixels than limits.max_held_bytes. `wanted` may be empty;
  // false: the client is gone. `uploaded`: the file that a part names as "file:ID", null if there
  // is none (404 "file_not_found"); empty: such parts are not allowed.
  using FindUpload = std::function<std::shared_ptr<const Upload>(std::string_view id)>;
  ApiResult<void> load(api::ChatRequest& request, const std::function<bool()>& wanted,
                       const FindUpload& uploaded = {}) const;

  const MediaOptions& options() const { return options_; }

 private:
  class Load;

  MediaOptions options_;
  std::shared_ptr<std::atomic<int64_t>> held_bytes_ = std::make_shared<std::atomic<int64_t>>(0);
};

}  // namespace glmv::server
