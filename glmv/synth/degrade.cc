#include "glmv/synth/degrade.h"

#include <cstdio>
#include <cstdlib>

// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

#include <algorithm>
#include <array>

#include "glmv/base/check.h"
#include "glmv/base/random.h"

namespace glmv::synth {
namespace {

// libjpeg's own handler would end the process. Our pictures are always valid, so any error here is
// a bug.
void raise_error(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  throw InternalError(std::string("jpeg: ") + text);
}

jpeg_error_mgr throwing_errors() {
  jpeg_error_mgr errors;
  jpeg_std_error(&errors);
  errors.error_exit = raise_error;
  errors.output_message = [](j_common_ptr) {};
  return errors;
}

}  // namespace

void add_noise(media::Image& image, double amplitude, uint64_t seed) {
  // The sum of two bytes is triangular in [0, 510]; one table turns it into an offset.
  std::array<int8_t, 511> offsets;
  for (int i = 0; i < 511; ++i) {
    offsets[i] = static_cast<int8_t>(std::clamp((i - 255) * amplitude / 255.0, -127.0, 127.0));
  }
  Random random(seed);
  uint64_t bits = 0;
  int left = 0;
  for (uint8_t& value : image.data) {
    if (left == 0) {
      bits = random.next_u64();
      left = 4;
    }
    const int sum = static_cast<int>(bits & 255) + static_cast<int>((bits >> 8) & 255);
    bits >>= 16;
    --left;
    value = static_cast<uint8_t>(std::clamp(value + offsets[sum], 0, 255));
  }
}

void jpeg_loss(media::Image& image, int quality) {
  jpeg_error_mgr errors = throwing_errors();
  jpeg_compress_struct out{};
  out.err = &errors;
  jpeg_create_compress(&out);
  unsigned char* bytes = nullptr;
  unsigned long num_bytes = 0;
  jpeg_mem_dest(&out, &bytes, &num_bytes);
  out.image_width = image.width;
  out.image_height = image.height;
  out.input_components = 3;
  out.in_color_space = JCS_RGB;
  jpeg_set_defaults(&out);
  jpeg_set_quality(&out, quality, TRUE);
  jpeg_start_compress(&out, TRUE);
  while (out.next_scanline < out.image_height) {
    JSAMPROW row = image.pixel(0, static_cast<int>(out.next_scanline));
    jpeg_write_scanlines(&out, &row, 1);
  }
  jpeg_finish_compress(&out);
  jpeg_destroy_compress(&out);

  jpeg_decompress_struct in{};
  in.err = &errors;
  jpeg_create_decompress(&in);
  jpeg_mem_src(&in, bytes, num_bytes);
  jpeg_read_header(&in, TRUE);
  in.out_color_space = JCS_RGB;
  jpeg_start_decompress(&in);
  while (in.output_scanline < in.output_height) {
    JSAMPROW row = image.pixel(0, static_cast<int>(in.output_scanline));
    jpeg_read_scanlines(&in, &row, 1);
  }
  jpeg_finish_decompress(&in);
  jpeg_destroy_decompress(&in);
  std::free(bytes);
}

}  // namespace glmv::synth
