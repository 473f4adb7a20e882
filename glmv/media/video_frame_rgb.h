#pragma once
// Decoded frames -> upright RGB. Private to this folder.

#include <memory>

#include "glmv/base/result.h"
#include "glmv/media/image.h"

struct AVFrame;
struct SwsContext;

namespace glmv::media {

// Not thread-safe; keeps what serves the next frame of the same form.
class FrameConverter {
 public:
  // `orientation`: EXIF's number. Errors: unsupported (a form of pixels that cannot be converted).
  Result<Image> convert(const AVFrame& frame, int orientation);

 private:
  struct Free {
    void operator()(SwsContext* context) const;
  };
  std::unique_ptr<SwsContext, Free> scaler_;
  PixelBytes rows_;
};

}  // namespace glmv::media
