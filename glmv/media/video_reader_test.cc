// Small files of many kinds (tools/golden/video.py), whose frames show their number.

#include "glmv/media/video_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/base/random.h"
#include "glmv/media/test_digest.h"
#include "glmv/media/video_source.h"

namespace glmv::media {
namespace {

namespace fs = std::filesystem;

const fs::path& folder() {
  static const fs::path path = fs::path(GLMV_SOURCE_DIR) / "tests/golden/video";
  return path;
}

std::vector<Json> rows(const char* list = "index.jsonl") {
  std::vector<Json> out;
  const std::string text = *read_file((folder() / list).string(), 1 << 24);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const Json row = Json::parse(text.substr(begin, end - begin));
    if (row.contains("file")) out.push_back(row);
    begin = end + 1;
  }
  return out;
}

Result<std::unique_ptr<VideoReader>> open(const fs::path& path) {
  auto source = open_video_source(path.string());
  if (!source) return std::unexpected(source.error());
  return InlineVideoOpener().open(source->file);
}

// The number that a frame shows; -1: none. The frame may be resampled.
int64_t number_in(const Image& frame, bool turned) {
  const auto digit = [&](bool second) {
    const int far = turned ? frame.height : frame.width, near = turned ? frame.width : frame.height;
    const int along = far / 4 + (second ? far / 2 : 0), across = near / 2;
    const uint8_t* p = turned ? frame.pixel(across, along) : frame.pixel(along, across);
    const double value = (p[0] + p[1] + p[2]) / 3.0;
    return std::lround((value - 20) / 16);
  };
  const int64_t low = digit(false), high = digit(true);
  if (low < 0 || low > 13 || high < 0 || high > 13) return -1;
  return high * 14 + low;
}

class EveryFile : public testing::TestWithParam<Json> {
 protected:
  void SetUp() override {
    const Json& row = GetParam();
    name_ = row["file"];
    auto opened = open(folder() / name_);
    ASSERT_TRUE(opened) << opened.error().message;
    reader_ = std::move(*opened);
    turned_ = name_.starts_with("rotated");
    // Turned to the left, the left half is at the bottom.
    upside_down_ = name_ == "rotated_left.mp4";
  }
  void expect_frames(const std::vector<int64_t>& indices, int width, int height) {
    std::vector<int64_t> seen;
    const auto done = reader_->read(indices, width, height, [&](int64_t index, Image frame) {
      if (width > 0) {
        EXPECT_EQ(frame.width, width);
        EXPECT_EQ(frame.height, height);
      }
      if (upside_down_) {
        Image copy = frame;
        for (int y = 0; y < frame.height; ++y) {
          std::copy_n(frame.pixel(0, frame.height - 1 - y), frame.width * 3, copy.pixel(0, y));
        }
        frame = copy;
      }
      EXPECT_EQ(number_in(frame, turned_), index % 196) << name_;
      seen.push_back(index);
      return true;
    });
    ASSERT_TRUE(done) << name_ << ": " << done.error().message;
    EXPECT_EQ(seen, indices);
  }

  std::string name_;
  std::unique_ptr<VideoReader> reader_;
  bool turned_ = false, upside_down_ = false;
};

TEST_P(EveryFile, HasTheReferencesNumbers) {
  const Json& row = GetParam();
  EXPECT_EQ(reader_->info().num_frames, row["num_frames"].get<int64_t>());
  EXPECT_NEAR(reader_->info().fps, row["fps"].get<double>(), 1e-9);
  EXPECT_NEAR(reader_->info().duration_s, row["duration"].get<double>(), 1e-6);
  EXPECT_EQ(reader_->info().width, row["width"].get<int>());
  EXPECT_EQ(reader_->info().height, row["height"].get<int>());
}

TEST_P(EveryFile, GivesTheFramesThatAreAskedFor) {
  const int64_t n = reader_->info().num_frames;
  std::vector<int64_t> all(static_cast<size_t>(std::min<int64_t>(n, 100)));
  std::iota(all.begin(), all.end(), 0);
  expect_frames(all, 0, 0);
  expect_frames({n - 1, n - 1}, 0, 0);
  Random random(5);
  for (int round = 0; round < 6; ++round) {
    std::vector<int64_t> some;
    for (int64_t i = 0; i < n; ++i) {
      if (random.below(static_cast<uint64_t>(n)) < 5) some.push_back(i);
    }
    if (!some.empty()) expect_frames(some, 56, 28);
  }
}

TEST_P(EveryFile, IsLeftInTheMiddle) {
  const std::vector<int64_t> indices = {0, reader_->info().num_frames / 2};
  const auto left = reader_->read(indices, 0, 0, [](int64_t, const Image&) { return false; });
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, Code::kCancelled);
  expect_frames(indices, 0, 0);
}

INSTANTIATE_TEST_SUITE_P(VideoReader, EveryFile, testing::ValuesIn(rows()), [](const auto& info) {
  std::string name = info.param["file"];
  std::ranges::replace(name, '.', '_');
  return name;
});

// The bytes that transformers gets of PyAV, in every form of chroma.
TEST(VideoReader, ColoursAreTheReferences) {
  const std::vector<Json> files = rows("colours.jsonl");
  ASSERT_EQ(files.size(), 3u);
  for (const Json& row : files) {
    const auto reader = open(folder() / row["file"].get<std::string>());
    ASSERT_TRUE(reader) << row["file"];
    std::vector<int64_t> all(row["sha256"].size());
    std::iota(all.begin(), all.end(), 0);
    const auto done = (*reader)->read(all, 0, 0, [&](int64_t index, const Image& frame) {
      EXPECT_EQ(sha256_hex(frame.data), row["sha256"][static_cast<size_t>(index)])
          << row["file"] << " " << index;
      return true;
    });
    EXPECT_TRUE(done);
  }
}

// Several lanes or one decoder: the same pixels, bit for bit.
TEST(VideoReader, ThreadsDoNotChangeFrames) {
  Random random(9);
  for (const Json& row : rows()) {
    const std::string name = row["file"];
    const auto source = open_video_source((folder() / name).string());
    ASSERT_TRUE(source);
    auto one = InlineVideoOpener({.num_threads = 1}).open(source->file);
    auto three = InlineVideoOpener({.num_threads = 3}).open(source->file);
    ASSERT_TRUE(one && three) << name;
    const int64_t n = (*one)->info().num_frames;
    for (int round = 0; round < 3; ++round) {
      std::vector<int64_t> indices(6);
      for (int64_t& index : indices) index = static_cast<int64_t>(random.below(n));
      std::ranges::sort(indices);
      std::vector<Image> want, got;
      const auto into = [](std::vector<Image>& images) {
        return [&](int64_t, Image image) {
          images.push_back(std::move(image));
          return true;
        };
      };
      ASSERT_TRUE((*one)->read(indices, 0, 0, into(want))) << name;
      ASSERT_TRUE((*three)->read(indices, 0, 0, into(got))) << name;
      ASSERT_EQ(got.size(), want.size()) << name;
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].data, want[i].data) << name << " frame " << indices[i];
      }
    }
  }
}

TEST(VideoReader, WhatIsNoVideo) {
  const fs::path pictures = fs::path(GLMV_SOURCE_DIR) / "tests/golden/media";
  const auto picture = open(pictures / "rgb.png");
  ASSERT_FALSE(picture);
  const auto text = open(folder() / "index.jsonl");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kUnsupported);
  EXPECT_EQ(open(folder()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(open(folder() / "none.mp4").error().code, Code::kNotFound);
  EXPECT_EQ(open("http://host/a.mp4").error().code, Code::kUnsupported);
  EXPECT_EQ(open("/dev/null").error().code, Code::kInvalidArgument);
}

TEST(VideoReader, LimitsHold) {
  const auto source = open_video_source((folder() / "cfr25.mp4").string());
  ASSERT_TRUE(source);
  const auto small = InlineVideoOpener({.max_pixels = 64 * 47}).open(source->file);
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, Code::kResourceExhausted);
  const auto few = InlineVideoOpener({.max_frames = 99}).open(source->file);
  ASSERT_FALSE(few);
  EXPECT_EQ(few.error().code, Code::kResourceExhausted);
  const auto slow = InlineVideoOpener({.max_seconds = 0}).open(source->file);
  ASSERT_TRUE(slow);
  const std::vector<int64_t> one = {50};
  const auto read = (*slow)->read(one, 0, 0, [](int64_t, const Image&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kResourceExhausted);
}

// Files cut off or with flipped bits are an error, or give all the frames that are asked for.
TEST(VideoReader, DamagedFiles) {
  Random random(3);
  for (const Json& row : rows()) {
    const std::string whole =
        *read_file((folder() / row["file"].get<std::string>()).string(), 1 << 24);
    if (whole.size() > 100'000) continue;
    for (int round = 0; round < 8; ++round) {
      std::string bytes = whole;
      if (round % 2 == 0) bytes.resize(random.below(bytes.size()));
      for (uint64_t flips = random.below(30); flips > 0 && !bytes.empty(); --flips) {
        bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
      }
      auto reader = InlineVideoOpener({.max_frames = 100'000}).open(*file_of_bytes(bytes));
      if (!reader) continue;
      const int64_t n = (*reader)->info().num_frames;
      const std::vector<int64_t> indices = {0, n / 2, n - 1};
      size_t num = 0;
      const auto read = (*reader)->read(indices, 28, 28, [&](int64_t, const Image&) {
        ++num;
        return true;
      });
      if (read) {
        EXPECT_EQ(num, indices.size());
      }
    }
  }
}

}  // namespace
}  // namespace glmv::media
