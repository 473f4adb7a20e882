// Pictures and videos with flipped bits, and made-up ones that claim to be huge, through the
// children in which they are decoded.

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/media/child_decoder.h"
#include "glmv/media/child_video_opener.h"
#include "glmv/media/files_for_test.h"
#include "glmv/media/video_source.h"

namespace glmv::media {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int64_t kMaxPixels = 40'000'000;

std::string golden(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/" + name);
}

// Names in the first column of an index of golden files.
std::vector<std::string> golden_names(const std::string& folder) {
  std::vector<std::string> names;
  const std::string index = golden(folder + "/index.jsonl");
  for (size_t begin = index.find('\n') + 1; begin < index.size();) {
    const size_t end = index.find('\n', begin);
    const Json line = *parse_json(index.substr(begin, end - begin), "index");
    if (line.contains("file")) names.push_back(folder + "/" + line["file"].get<std::string>());
    begin = end + 1;
  }
  return names;
}

std::string flipped(std::string bytes, std::mt19937& random, int num_flips) {
  for (int i = 0; i < num_flips; ++i) {
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
  }
  return bytes;
}

std::unique_ptr<ChildDecoder> picture_child() {
  auto decoder = ChildDecoder::start(
      {.command = {kThisProgram, "--as-child", "decode"}, .max_pixels = kMaxPixels});
  EXPECT_TRUE(decoder) << decoder.error().message;
  return decoder ? std::move(*decoder) : nullptr;
}

ChildVideoOpener video_children(double max_seconds) {
  return ChildVideoOpener({.command = {kThisProgram, "--as-child", "video"},
                           .limits = {.max_seconds = max_seconds},
                           .start_timeout = 20s});
}

// With `bytes` so far behind the name of every box of an MP4 file that has it.
std::string patched(std::string file, const std::string& box, size_t distance,
                    const std::string& bytes) {
  int num_boxes = 0;
  for (size_t at = file.find(box); at != file.npos; at = file.find(box, at + box.size())) {
    file.replace(at + box.size() + distance, bytes.size(), bytes);
    ++num_boxes;
  }
  EXPECT_GT(num_boxes, 0) << box;
  return file;
}

TEST(DamagedPictures, EachIsAPictureOrAnErrorAndTheChildLives) {
  const auto child = picture_child();
  std::mt19937 random(11);
  int num_pictures = 0, num_refused = 0;
  for (const std::string& name : golden_names("media")) {
    const std::string good = golden(name);
    for (int i = 0; i < 12; ++i) {
      // Few flips anywhere, and some in the header alone.
      std::string bad = flipped(good, random, 1 + i % 4);
      if (i % 3 == 0)
        bad =
            flipped(good.substr(0, 64), random, 2) + good.substr(std::min<size_t>(64, good.size()));
      const auto got = child->decode(bad, 1'000'000);
      if (got) {
        ++num_pictures;
        EXPECT_EQ(std::ssize(got->data), int64_t{3} * got->width * got->height) << name;
      } else {
        ++num_refused;
        EXPECT_NE(got.error().code, Code::kInternal) << name << got.error().message;
        EXPECT_NE(got.error().code, Code::kUnavailable) << name << got.error().message;
      }
    }
  }
  EXPECT_GT(num_pictures, 100);
  EXPECT_GT(num_refused, 100);
  EXPECT_EQ(child->pids().size(), 1u);
}

TEST(DamagedPictures, HugeOnesByTheirHeadersAlone) {
  const auto little = little_endian_for_test;
  const auto big = big_endian_for_test;
  std::string jpeg = golden("media/rgb_420.jpg");
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, jpeg.npos);
  jpeg.replace(frame + 5, 4, big(65'500, 2) + big(65'500, 2));
  std::string bmp = golden("media/rgb.bmp");
  bmp.replace(18, 8, little(60'000, 4) + little(60'000, 4));
  std::string gif = golden("media/palette.gif");
  gif.replace(6, 4, little(65'535, 2) + little(65'535, 2));
  const auto tag = [&](int number, uint64_t value) {
    return little(number, 2) + little(4, 2) + little(1, 4) + little(value, 4);
  };
  const std::string tiff = std::string("II*\0", 4) + little(8, 4) + little(8, 2) +
                           tag(256, 70'000) + tag(257, 70'000) + tag(258, 8) + tag(259, 1) +
                           tag(262, 1) + tag(273, 8) + tag(278, 70'000) + tag(279, 100) +
                           little(0, 4);
  const std::string webp = "RIFF" + little(30, 4) + "WEBPVP8X" + little(10, 4) + little(0, 4) +
                           little(16'000'000, 3) + little(16'000'000, 3);
  const std::string avif =
      patched(golden("media/rgb_444.avif"), "ispe", 4, big(60'000, 4) + big(60'000, 4));
  const std::pair<const char*, std::string> cases[] = {
      {"png", png_for_test(60'000, 60'000)},
      {"jpeg", jpeg},
      {"bmp", bmp},
      {"gif", gif},
      {"tiff", tiff},
      {"webp", webp},
      {"avif", avif},
  };
  const auto child = picture_child();
  for (const auto& [name, bytes] : cases) {
    const auto begin = Clock::now();
    const auto got = child->decode(bytes, kMaxPixels);
    ASSERT_FALSE(got) << name;
    EXPECT_TRUE(got.error().code == Code::kResourceExhausted ||
                got.error().code == Code::kInvalidArgument)
        << name << ": " << got.error().message;
    EXPECT_LT(Clock::now() - begin, 5s) << name;
  }
  EXPECT_EQ(child->pids().size(), 1u);
}

// Each frame is a line of an animated GIF; the first is the picture.
TEST(DamagedPictures, TensOfThousandsOfFrames) {
  const auto little = little_endian_for_test;
  std::string gif = "GIF89a" + little(2, 2) + little(2, 2) + std::string("\x80\0\0", 3) +
                    std::string("\xff\0\0\0\0\xff", 6);
  const std::string frame = std::string("\x21\xf9\x04\0\1\0\0\0", 8) + "," + little(0, 4) +
                            little(2, 2) + little(2, 2) + std::string("\0\2\2\x84\x51\0", 6);
  for (int i = 0; i < 50'000; ++i) gif += frame;
  gif += ';';
  const auto begin = Clock::now();
  const auto got = picture_child()->decode(gif, 1000);
  if (got) {
    EXPECT_EQ(got->width, 2);
  } else {
    EXPECT_NE(got.error().code, Code::kUnavailable) << got.error().message;
  }
  EXPECT_LT(Clock::now() - begin, 20s);
}

// Reads the first frame and the last as a user of the file would.
void expect_frames_or_error(ChildVideoOpener& opener, const std::string& bytes,
                            const std::string& name, int& num_read, int& num_refused) {
  const auto file = file_of_bytes(bytes);
  ASSERT_TRUE(file);
  auto reader = opener.open(*file);
  Status error;
  if (reader) {
    const std::vector<int64_t> indices = {0, (*reader)->info().num_frames - 1};
    const auto read = (*reader)->read(indices, 28, 28, [](int64_t, const Image& frame) {
      EXPECT_EQ(frame.width, 28);
      return true;
    });
    if (read) return void(++num_read);
    error = read.error();
  } else {
    error = reader.error();
  }
  ++num_refused;
  EXPECT_NE(error.code, Code::kInternal) << name << ": " << error.message;
  EXPECT_NE(error.code, Code::kUnavailable) << name << ": " << error.message;
}

TEST(DamagedVideos, EachGivesFramesOrAnError) {
  ChildVideoOpener opener = video_children(20);
  std::mt19937 random(12);
  int num_read = 0, num_refused = 0;
  for (const std::string& name : golden_names("video")) {
    const std::string good = golden(name);
    if (good.size() > 50'000) continue;
    for (int i = 0; i < 3; ++i) {
      expect_frames_or_error(opener, flipped(good, random, 1 + 10 * i), name, num_read,
                             num_refused);
    }
    expect_frames_or_error(opener, good.substr(0, random() % good.size()), name, num_read,
                           num_refused);
  }
  EXPECT_GT(num_read, 20);
  EXPECT_GT(num_refused, 10);
}

// An index of one frame in a file that is all lies about its size.
std::string avi_for_test(uint32_t side, uint32_t num_frames) {
  const auto little = little_endian_for_test;
  const auto chunk = [&](const std::string& name, const std::string& data) {
    return name + little(data.size(), 4) + data +
           (data.size() % 2 != 0 ? std::string(1, '\0') : "");
  };
  const std::string header = little(40'000, 4) + little(0, 4) + little(0, 4) + little(16, 4) +
                             little(num_frames, 4) + little(0, 4) + little(1, 4) + little(0, 4) +
                             little(side, 4) + little(side, 4) + std::string(16, '\0');
  const std::string stream = "vidsMJPG" + little(0, 4) + little(0, 4) + little(0, 4) +
                             little(1, 4) + little(25, 4) + little(0, 4) + little(num_frames, 4) +
                             std::string(20, '\0');
  const std::string format = little(40, 4) + little(side, 4) + little(side, 4) + little(1, 2) +
                             little(24, 2) + "MJPG" + std::string(20, '\0');
  const std::string lists =
      chunk("LIST", "hdrl" + chunk("avih", header) +
                        chunk("LIST", "strl" + chunk("strh", stream) + chunk("strf", format))) +
      chunk("LIST", "movi" + chunk("00dc", golden("media/rgb_420.jpg")));
  return chunk("RIFF", "AVI " + lists);
}

TEST(DamagedVideos, AbsurdSizesAndCountsEndSoon) {
  const auto big = big_endian_for_test;
  const std::string good = golden("video/cfr25.mp4");
  const std::string most(4, '\xff');
  std::string sizes = patched(good, "avc1", 24, big(65'535, 2) + big(65'535, 2));
  sizes = patched(sizes, "tkhd", 76, big(65'535u << 16, 4) + big(65'535u << 16, 4));
  const std::pair<const char*, std::string> cases[] = {
      {"sizes", sizes},
      {"samples by time", patched(good, "stts", 8, big(0x7fffffff, 4))},
      {"entries by time", patched(good, "stts", 4, most)},
      {"samples by size", patched(good, "stsz", 8, most)},
      {"chunks", patched(good, "stco", 4, most)},
      {"key frames", patched(good, "stss", 4, most)},
      {"duration", patched(good, "mdhd", 16, big(0x7fffffff, 4))},
      {"no time base", patched(good, "mdhd", 12, big(0, 4))},
      {"fast time base", patched(good, "mdhd", 12, most)},
      {"avi of large frames", avi_for_test(65'535, 10)},
      {"avi of many frames", avi_for_test(64, 0xffffffff)},
      {"avi of no size", avi_for_test(0, 1)},
  };
  ChildVideoOpener opener = video_children(10);
  int num_read = 0, num_refused = 0;
  for (const auto& [name, bytes] : cases) {
    const auto begin = Clock::now();
    expect_frames_or_error(opener, bytes, name, num_read, num_refused);
    EXPECT_LT(Clock::now() - begin, 30s) << name;
  }
  EXPECT_GT(num_refused, 0);
}

}  // namespace
}  // namespace glmv::media
