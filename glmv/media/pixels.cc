#include "glmv/media/pixels.h"

#include "glmv/base/check.h"

namespace glmv::media {
namespace {

// Rounded a / 255 for a in 0..65025.
uint8_t div255(int a) {
  const int biased = a + 128;
  return static_cast<uint8_t>(((biased >> 8) + biased) >> 8);
}

uint8_t over_white(int value, int alpha) { return div255(value * alpha + 255 * (255 - alpha)); }

}  // namespace

int num_channels(PixelLayout layout) {
  return layout == PixelLayout::kCmyk ? 4 : static_cast<int>(layout);
}

Image to_rgb(RawImage&& raw, AlphaMode alpha) {
  const size_t num_pixels = static_cast<size_t>(raw.width) * raw.height;
  GLMV_CHECK(raw.data.size() == num_pixels * num_channels(raw.layout));
  if (raw.layout == PixelLayout::kRgb) return Image{raw.width, raw.height, std::move(raw.data)};

  Image image{raw.width, raw.height, PixelBytes(num_pixels * 3)};
  const uint8_t* in = raw.data.data();
  uint8_t* out = image.data.data();
  const bool blend = alpha == AlphaMode::kOverWhite;
  for (size_t i = 0; i < num_pixels; ++i, out += 3) {
    switch (raw.layout) {
      case PixelLayout::kGrey:
        out[0] = out[1] = out[2] = in[i];
        break;
      case PixelLayout::kGreyAlpha:
        out[0] = out[1] = out[2] = blend ? over_white(in[2 * i], in[2 * i + 1]) : in[2 * i];
        break;
      case PixelLayout::kRgba:
        for (int c = 0; c < 3; ++c) {
          out[c] = blend ? over_white(in[4 * i + c], in[4 * i + 3]) : in[4 * i + c];
        }
        break;
      case PixelLayout::kCmyk: {
        const int white = 255 - in[4 * i + 3];
        for (int c = 0; c < 3; ++c) {
          out[c] = static_cast<uint8_t>(std::max(0, white - div255(in[4 * i + c] * white)));
        }
        break;
      }
      case PixelLayout::kRgb:
        break;
    }
  }
  return image;
}

Image apply_orientation(Image&& image, int orientation) {
  if (orientation <= 1 || orientation > 8) return std::move(image);
  const int w = image.width, h = image.height;
  const bool swap_sides = orientation >= 5;
  Image out{swap_sides ? h : w, swap_sides ? w : h, PixelBytes(image.data.size())};
  for (int y = 0; y < out.height; ++y) {
    uint8_t* to = out.pixel(0, y);
    for (int x = 0; x < out.width; ++x, to += 3) {
      int from_x = x, from_y = y;
      switch (orientation) {
        case 2:
          from_x = w - 1 - x;
          break;
        case 3:
          from_x = w - 1 - x;
          from_y = h - 1 - y;
          break;
        case 4:
          from_y = h - 1 - y;
          break;
        case 5:
          from_x = y;
          from_y = x;
          break;
        case 6:
          from_x = y;
          from_y = h - 1 - x;
          break;
        case 7:
          from_x = w - 1 - y;
          from_y = h - 1 - x;
          break;
        case 8:
          from_x = w - 1 - y;
          from_y = x;
          break;
      }
      const uint8_t* from = image.pixel(from_x, from_y);
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
  return out;
}

Image image_of(const RgbPixels& pixels) {
  Image image;
  image.width = pixels.width;
  image.height = pixels.height;
  const size_t num_bytes =
      size_t{3} * static_cast<size_t>(pixels.width) * static_cast<size_t>(pixels.height);
  image.data.assign(pixels.data.get(), pixels.data.get() + num_bytes);
  return image;
}

}  // namespace glmv::media
