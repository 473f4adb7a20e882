// PNG through libpng without gamma or colour correction: the bytes are Pillow's.

#include <png.h>

#include <csetjmp>
#include <cstring>

#include "glmv/media/codecs.h"
#include "glmv/media/exif.h"

namespace glmv::media {
namespace {

// Objects that outlive a longjmp live here, not on the stack of the jumping functions.
class Decoder {
 public:
  Decoder() {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    if (png_) png_destroy_read_struct(&png_, &info_, nullptr);
  }

  Result<RawImage> decode(std::string_view bytes, int64_t max_pixels) {
    if (!png_ || !info_) return resource_exhausted("no memory for the PNG decoder");
    rest_ = bytes;
    if (!read_header()) return invalid_argument("truncated or damaged: {}", message_);
    const int64_t width = png_get_image_width(png_, info_);
    const int64_t height = png_get_image_height(png_, info_);
    GLMV_RETURN_IF_ERROR(check_size(width, height, max_pixels));
    if (!set_transforms()) return invalid_argument("damaged: {}", message_);
    image_.width = static_cast<int>(width);
    image_.height = static_cast<int>(height);
    const size_t row_bytes = static_cast<size_t>(width) * num_channels(image_.layout);
    image_.data.resize(row_bytes * height);
    rows_.resize(height);
    for (int64_t y = 0; y < height; ++y) rows_[y] = image_.data.data() + row_bytes * y;
    if (!read_rows()) return invalid_argument("truncated or damaged: {}", message_);
    read_end();
    image_.orientation = orientation();
    return std::move(image_);
  }

 private:
  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<Decoder*>(png_get_error_ptr(png));
    std::strncpy(self->message_, message, sizeof self->message_ - 1);
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  static void on_read(png_structp png, png_bytep out, size_t size) {
    auto* self = static_cast<Decoder*>(png_get_io_ptr(png));
    if (size > self->rest_.size()) png_error(png, "unexpected end of the file");
    std::memcpy(out, self->rest_.data(), size);
    self->rest_.remove_prefix(size);
  }

  bool read_header() {
    if (setjmp(jump_)) return false;
    // Our own limit follows; libpng's default of a million per side is not wanted.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_read_fn(png_, this, on_read);
    png_read_info(png_, info_);
    return true;
  }

  // Everything becomes 8-bit grey, grey + alpha, RGB or RGBA.
  bool set_transforms() {
    if (setjmp(jump_)) return false;
    png_set_expand(png_);
    png_set_strip_16(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    image_.layout = static_cast<PixelLayout>(png_get_channels(png_, info_));
    if (png_get_rowbytes(png_, info_) !=
        static_cast<size_t>(png_get_image_width(png_, info_)) * num_channels(image_.layout)) {
      png_error(png_, "unexpected row size");
    }
    return true;
  }

  bool read_rows() {
    if (setjmp(jump_)) return false;
    png_read_image(png_, rows_.data());
    return true;
  }

  // All pixels are there: damage in the chunks behind them does not matter.
  void read_end() {
    if (setjmp(jump_)) return;
    png_read_end(png_, info_);
  }

  int orientation() {
    png_bytep block = nullptr;
    png_uint_32 size = 0;
    if (!png_get_eXIf_1(png_, info_, &size, &block)) return 1;
    return exif_orientation({reinterpret_cast<const char*>(block), size});
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_;
  char message_[200] = {};
  std::string_view rest_;
  std::vector<png_bytep> rows_;
  RawImage image_;
};

}  // namespace

Result<RawImage> decode_png(std::string_view bytes, int64_t max_pixels) {
  Decoder decoder;
  return decoder.decode(bytes, max_pixels);
}

}  // namespace glmv::media
