#include "glmv/media/video_frame_rgb.h"

#include <cstring>

#include "glmv/media/pixels.h"

extern "C" {
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

namespace glmv::media {
namespace {

// Bytes, and pixels of a row: the converter writes whole vectors, and leaves out the last pixels of
// the picture where they have no room.
constexpr int kAlignment = 64;
constexpr int kOne = 1 << 16;

// Coefficients of the frame's colours: those of SD where the file does not say, as FFmpeg has it.
const int* colours_of(const AVFrame& frame) {
  const bool said = frame.colorspace != AVCOL_SPC_UNSPECIFIED && frame.colorspace != AVCOL_SPC_RGB;
  return sws_getCoefficients(said ? static_cast<int>(frame.colorspace) : SWS_CS_DEFAULT);
}

}  // namespace

void FrameConverter::Free::operator()(SwsContext* context) const { sws_freeContext(context); }

Result<Image> FrameConverter::convert(const AVFrame& frame, int orientation) {
  const int width = frame.width, height = frame.height;
  // The flags that PyAV has, from which transformers takes frames: bytes are equal for 8 bits.
  scaler_.reset(sws_getCachedContext(scaler_.release(), width, height,
                                     static_cast<AVPixelFormat>(frame.format), width, height,
                                     AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr));
  if (!scaler_) return unsupported("the form of its pixels cannot be converted");
  const int full_range = frame.color_range == AVCOL_RANGE_JPEG ? 1 : 0;
  // No coefficients are asked for where the frame is RGB already: then it does nothing.
  sws_setColorspaceDetails(scaler_.get(), colours_of(frame), full_range,
                           sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, kOne, kOne);
  const int stride = (width + kAlignment - 1) / kAlignment * kAlignment * 3;
  rows_.resize(static_cast<size_t>(stride) * height + kAlignment);
  uint8_t* const target[] = {rows_.data()};
  const int strides[] = {stride};
  if (sws_scale(scaler_.get(), frame.data, frame.linesize, 0, height, target, strides) != height) {
    return unsupported("the form of its pixels cannot be converted");
  }
  Image image;
  image.width = width;
  image.height = height;
  image.data.resize(static_cast<size_t>(width) * height * 3);
  for (int y = 0; y < height; ++y) {
    std::memcpy(image.pixel(0, y), rows_.data() + static_cast<size_t>(stride) * y,
                static_cast<size_t>(width) * 3);
  }
  return apply_orientation(std::move(image), orientation);
}

}  // namespace glmv::media
