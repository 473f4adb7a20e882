// JPEG through libjpeg-turbo with its defaults (accurate integer DCT, smooth upsampling), which are
// Pillow's settings: the bytes are equal.

#include <cstdio>  // jpeglib.h needs FILE

#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>

#include "glmv/media/codecs.h"
#include "glmv/media/exif.h"

namespace glmv::media {
namespace {

// A progressive file may hold any number of scans, each of which costs a pass over the picture.
constexpr int kMaxScans = 500;
// Rows between two reports to a reader.
constexpr JDIMENSION kRowsAtOnce = 16;

struct ErrorState {
  jpeg_error_mgr base;  // first: libjpeg hands it back as a jpeg_error_mgr*
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void fail(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  state->base.format_message(info, state->message);
  std::longjmp(state->jump, 1);
}

// libjpeg reports missing and undecodable data as warnings and goes on with grey blocks; a picture
// that is not wholly there must be an error. Other warnings are harmless.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
      fail(info);
    default:
      break;
  }
}

struct ScanLimit {
  jpeg_progress_mgr base;
};

void on_progress(j_common_ptr info) {
  if (!info->is_decompressor) return;
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(info);
  if (decoder->input_scan_number > kMaxScans)
    ERREXITS(info, JERR_BAD_PROGRESSION, "too many scans");
}

// Objects that outlive a longjmp live here, not on the stack of the jumping function.
class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = fail;
    errors_.base.emit_message = on_message;
    jpeg_create_decompress(&info_);
    progress_.base.progress_monitor = on_progress;
    info_.progress = &progress_.base;
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info_); }

  Result<RawImage> decode(std::string_view bytes, const DecodeOptions& options) {
    if (!read_header(bytes)) return invalid_argument("{}", errors_.message);
    GLMV_RETURN_IF_ERROR(check_size(info_.image_width, info_.image_height, options.max_pixels));
    switch (info_.num_components) {
      case 1:
        info_.out_color_space = JCS_GRAYSCALE;
        image_.layout = PixelLayout::kGrey;
        break;
      case 3:
        info_.out_color_space = JCS_RGB;
        image_.layout = PixelLayout::kRgb;
        break;
      case 4:
        info_.out_color_space = JCS_CMYK;
        image_.layout = PixelLayout::kCmyk;
        break;
      default:
        return unsupported("{} colour components; convert it to RGB first", info_.num_components);
    }
    image_.width = static_cast<int>(info_.image_width);
    image_.height = static_cast<int>(info_.image_height);
    image_.orientation = orientation();
    row_bytes_ = static_cast<size_t>(image_.width) * num_channels(image_.layout);
    image_.data.resize(row_bytes_ * image_.height);
    const bool upright = !options.apply_orientation || image_.orientation <= 1;
    reader_ = image_.layout == PixelLayout::kRgb && upright ? options.reader : nullptr;
    if (reader_ != nullptr) reader_->start({image_.width, image_.height, image_.data.data()});
    if (!read_rows()) {
      if (reader_ != nullptr) {
        reader_->progress().fail();
        reader_->stop();
      }
      return invalid_argument("truncated or damaged: {}", errors_.message);
    }
    // Four-component files store inverted values (Adobe's convention).
    if (image_.layout == PixelLayout::kCmyk) {
      for (uint8_t& value : image_.data) value = 255 - value;
    }
    return std::move(image_);
  }

 private:
  bool read_header(std::string_view bytes) {
    if (setjmp(errors_.jump)) return false;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  bool read_rows() {
    if (setjmp(errors_.jump)) return false;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW rows[4];
      const JDIMENSION left = info_.output_height - info_.output_scanline;
      const JDIMENSION count = left < 4 ? left : 4;
      for (JDIMENSION i = 0; i < count; ++i) {
        rows[i] = image_.data.data() + row_bytes_ * (info_.output_scanline + i);
      }
      jpeg_read_scanlines(&info_, rows, count);
      const JDIMENSION done = info_.output_scanline;
      if (reader_ != nullptr && (done % kRowsAtOnce < count || done == info_.output_height)) {
        reader_->progress().set(static_cast<int>(done));
      }
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  int orientation() const {
    for (const jpeg_marker_struct* marker = info_.marker_list; marker; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (marker->marker == JPEG_APP0 + 1 && data.starts_with("Exif")) {
        return exif_orientation(data);
      }
    }
    return 1;
  }

  jpeg_decompress_struct info_{};
  ErrorState errors_{};
  ScanLimit progress_{};
  RawImage image_;
  RowReader* reader_ = nullptr;
  size_t row_bytes_ = 0;
};

}  // namespace

Result<RawImage> decode_jpeg(std::string_view bytes, const DecodeOptions& options) {
  Decoder decoder;
  return decoder.decode(bytes, options);
}

}  // namespace glmv::media
