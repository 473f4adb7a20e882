#include "glmv/media/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/test_digest.h"

namespace glmv::media {
namespace {

using ::testing::HasSubstr;

std::string golden_path(const std::string& name) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/media/" + name;
}

std::string golden_bytes(const std::string& name) {
  auto bytes = read_file(golden_path(name));
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes.value_or("");
}

std::vector<Json> golden_rows() {
  std::vector<Json> rows;
  const std::string text = golden_bytes("index.jsonl");
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find('\n', begin);
    rows.push_back(*parse_json(text.substr(begin, end - begin), "index.jsonl"));
    begin = end + 1;
  }
  rows.erase(rows.begin());  // the header
  return rows;
}

int largest_difference(const Image& a, const Image& b) {
  int largest = 0;
  for (size_t i = 0; i < a.data.size(); ++i) {
    largest = std::max(largest, std::abs(a.data[i] - b.data[i]));
  }
  return largest;
}

void put_be32(std::string& bytes, size_t pos, uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[pos + i] = static_cast<char>(value >> (24 - 8 * i));
}

void put_le32(std::string& bytes, size_t pos, uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[pos + i] = static_cast<char>(value >> (8 * i));
}

TEST(Decode, GoldenPicturesMatchPillow) {
  const std::vector<Json> rows = golden_rows();
  ASSERT_GE(rows.size(), 50u);
  for (const Json& row : rows) {
    const std::string file = row["file"];
    SCOPED_TRACE(file);
    const auto decoded = decode_image(golden_bytes(file), file);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->image.width, row["width"].get<int>());
    EXPECT_EQ(decoded->image.height, row["height"].get<int>());
    if (row.contains("tolerance")) {
      const std::string reference = row["reference"];
      const auto expected = decode_image(golden_bytes(reference), reference);
      ASSERT_TRUE(expected);
      EXPECT_LE(largest_difference(decoded->image, expected->image), row["tolerance"].get<int>());
    } else {
      EXPECT_EQ(sha256_hex(decoded->image.data), row["sha256"].get<std::string>());
    }
  }
}

TEST(Decode, ReportsFormatAndOrientation) {
  const std::pair<const char*, ImageFormat> cases[] = {
      {"rgb_420.jpg", ImageFormat::kJpeg}, {"rgb.png", ImageFormat::kPng},
      {"lossy.webp", ImageFormat::kWebp},  {"palette.gif", ImageFormat::kGif},
      {"rgb.bmp", ImageFormat::kBmp},      {"rgb.tif", ImageFormat::kTiff},
      {"rgb_444.avif", ImageFormat::kAvif}};
  for (const auto& [file, format] : cases) {
    const auto decoded = decode_image(golden_bytes(file), file);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->format, format) << file;
    EXPECT_EQ(decoded->orientation, 1);
  }
  EXPECT_EQ(decode_image(golden_bytes("exif_7.jpg"), "x")->orientation, 7);
  EXPECT_EQ(decode_image(golden_bytes("exif_6.png"), "x")->orientation, 6);
  EXPECT_EQ(decode_image(golden_bytes("exif_8.webp"), "x")->orientation, 8);
}

TEST(Decode, OrientationCanBeIgnored) {
  DecodeOptions options;
  options.apply_orientation = false;
  const auto turned = decode_image(golden_bytes("exif_6.jpg"), "x", options);
  const auto plain = decode_image(golden_bytes("exif_1.jpg"), "x", options);
  EXPECT_EQ(turned->image.data, plain->image.data);
  EXPECT_EQ(turned->orientation, 6);
}

TEST(Decode, AlphaOverWhiteOrDropped) {
  // One pixel (10, 20, 30) of alpha 128, as an uncompressed 32-bit bitmap with masks.
  std::string bmp(14 + 56 + 4, '\0');
  bmp.replace(0, 2, "BM");
  put_le32(bmp, 10, 14 + 56);
  put_le32(bmp, 14, 56);
  put_le32(bmp, 18, 1);
  put_le32(bmp, 22, 1);
  put_le32(bmp, 26, 1 | 32 << 16);
  put_le32(bmp, 30, 3);
  put_le32(bmp, 54, 0x00ff0000);
  put_le32(bmp, 58, 0x0000ff00);
  put_le32(bmp, 62, 0x000000ff);
  put_le32(bmp, 66, 0xff000000);
  put_le32(bmp, 70, 128u << 24 | 10 << 16 | 20 << 8 | 30);
  EXPECT_THAT(decode_image(bmp, "x")->image.data, testing::ElementsAre(132, 137, 142));
  DecodeOptions drop;
  drop.alpha = AlphaMode::kDrop;
  EXPECT_THAT(decode_image(bmp, "x", drop)->image.data, testing::ElementsAre(10, 20, 30));
}

TEST(Decode, EveryTruncationIsAnErrorOrTheWholePicture) {
  for (const Json& row : golden_rows()) {
    const std::string file = row["file"];
    SCOPED_TRACE(file);
    const std::string bytes = golden_bytes(file);
    const auto whole = decode_image(bytes, file);
    ASSERT_TRUE(whole);
    const size_t step = std::max<size_t>(1, bytes.size() / 40);
    for (size_t size = 0; size < bytes.size(); size += step) {
      const auto decoded = decode_image(std::string_view(bytes).substr(0, size), "cut.bin");
      if (decoded) {
        EXPECT_EQ(decoded->image.data, whole->image.data) << size << " of " << bytes.size();
      } else {
        EXPECT_THAT(decoded.error().message, HasSubstr("cut.bin"));
        EXPECT_EQ(decoded.error().code, Code::kInvalidArgument) << decoded.error().message;
      }
    }
    const auto half = decode_image(std::string_view(bytes).substr(0, bytes.size() / 2), "half.bin");
    EXPECT_FALSE(half) << "half of the file gives a picture";
  }
}

TEST(Decode, NotAPicture) {
  const std::pair<std::string, const char*> cases[] = {{"", "nothing (0 bytes)"},
                                                       {"hello, world\n", "text"},
                                                       {"%PDF-1.7 ...", "PDF"},
                                                       {"<!DOCTYPE html><html>", "HTML"},
                                                       {std::string("\0\1\2", 3), "unknown"},
                                                       {"<svg xmlns=''/>", "SVG"}};
  for (const auto& [bytes, what] : cases) {
    const auto decoded = decode_image(bytes, "some/file.jpg");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kInvalidArgument);
    EXPECT_THAT(decoded.error().message, HasSubstr("some/file.jpg"));
    EXPECT_THAT(decoded.error().message, HasSubstr(what));
  }
  for (const char* magic : {"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF89a", "BM", "RIFF1234WEBP",
                            "II*", "\xff\xd8\xff\xe0garbage that is no JPEG at all"}) {
    EXPECT_FALSE(decode_image(magic, "magic only"));
  }
}

TEST(Decode, SizeLimitsAreCheckedBeforeDecoding) {
  // 100 megapixels claimed by files of a few hundred bytes.
  std::string png = golden_bytes("rgb.png");
  put_be32(png, 16, 10000);
  put_be32(png, 20, 10000);
  put_be32(png, 29, crc32_of(std::string_view(png).substr(12, 17)));
  std::string bmp = golden_bytes("rgb.bmp");
  put_le32(bmp, 18, 10000);
  put_le32(bmp, 22, 10000);
  std::string gif = golden_bytes("palette.gif");
  gif.replace(6, 4, "\x10\x27\x10\x27");
  std::string jpeg = golden_bytes("rgb_420.jpg");
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, jpeg.npos);
  jpeg.replace(frame + 5, 4, "\x27\x10\x27\x10");
  for (const std::string& bytes : {png, bmp, gif, jpeg}) {
    const auto decoded = decode_image(bytes, "huge");
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kResourceExhausted) << decoded.error().message;
    EXPECT_THAT(decoded.error().message, HasSubstr("10000 x 10000 pixels"));
  }
  for (const char* file : {"rgb.tif", "lossy.webp", "rgb_444.avif", "rgb.png", "rgb_420.jpg"}) {
    DecodeOptions small;
    small.max_pixels = 37 * 29 - 1;
    EXPECT_EQ(decode_image(golden_bytes(file), file, small).error().code, Code::kResourceExhausted)
        << file;
    small.max_pixels = 37 * 29;
    EXPECT_TRUE(decode_image(golden_bytes(file), file, small)) << file;
  }
  DecodeOptions few_bytes;
  few_bytes.max_bytes = 100;
  EXPECT_EQ(decode_image(golden_bytes("rgb.png"), "x", few_bytes).error().code,
            Code::kResourceExhausted);
}

TEST(Decode, ExtremeShapes) {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{1, 65535}, std::pair{65535, 1}}) {
    Image image{width, height, PixelBytes(static_cast<size_t>(width) * height * 3, 7)};
    const auto png = encode_png(image);
    ASSERT_TRUE(png);
    const auto decoded = decode_image(*png, "thin");
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->image.data, image.data);
  }
}

TEST(Decode, ZeroSidesAreRefused) {
  std::string bmp = golden_bytes("rgb.bmp");
  put_le32(bmp, 18, 0);
  EXPECT_EQ(decode_image(bmp, "x").error().code, Code::kInvalidArgument);
  put_le32(bmp, 18, 0x80000000u);
  EXPECT_EQ(decode_image(bmp, "x").error().code, Code::kInvalidArgument);
}

class RecordingReader final : public RowReader {
 public:
  void start(const ImageView& picture) override {
    ++starts;
    size = {picture.width, picture.height};
    pixels = picture.data;
  }
  void stop() override {
    ++stops;
    EXPECT_FALSE(progress().wait_for(1));
  }
  int starts = 0, stops = 0;
  std::pair<int, int> size;
  const uint8_t* pixels = nullptr;
};

TEST(Decode, ReadersGetTheRowsOfUprightColourJpegs) {
  for (const char* file : {"rgb_420.jpg", "rgb_444.jpg", "progressive.jpg", "one_pixel.jpg"}) {
    RecordingReader reader;
    const auto decoded = decode_image(golden_bytes(file), file, {.reader = &reader});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(reader.starts, 1) << file;
    EXPECT_EQ(reader.stops, 0);
    EXPECT_EQ(reader.pixels, decoded->image.data.data());
    EXPECT_EQ(reader.size, std::pair(decoded->image.width, decoded->image.height));
    EXPECT_TRUE(reader.progress().wait_for(decoded->image.height));
  }
  for (const char* file : {"grey.jpg", "cmyk.jpg", "exif_6.jpg", "rgb.png"}) {
    RecordingReader reader;
    EXPECT_TRUE(decode_image(golden_bytes(file), file, {.reader = &reader}));
    EXPECT_EQ(reader.starts, 0) << file;
  }
  const std::string bytes = golden_bytes("rgb_420.jpg");
  RecordingReader reader;
  EXPECT_FALSE(decode_image(bytes.substr(0, bytes.size() * 3 / 4), "cut", {.reader = &reader}));
  EXPECT_EQ(reader.starts, 1);
  EXPECT_EQ(reader.stops, 1);
}

}  // namespace
}  // namespace glmv::media
