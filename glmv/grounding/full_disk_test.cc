// Files that grow while a long job runs, on a disk that becomes full: a limit on the size of files
// stands for it.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/grounding/results_file.h"
#include "glmv/media/video_writer.h"

namespace glmv::grounding {
namespace {

namespace fs = std::filesystem;

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "glmv-full-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  void TearDown() override {
    allow(before_.rlim_cur);
    ::signal(SIGXFSZ, handler_);
    fs::remove_all(folder_);
  }
  void allow(rlim_t num_bytes) const {
    const rlimit limit{num_bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  fs::path folder_;
  rlimit before_{};
  sighandler_t handler_ = SIG_DFL;
};

TEST_F(FullDisk, LinesAreToldAndTheNextRunGoesOn) {
  const fs::path path = folder_ / "lines.jsonl";
  int num_written = 0;
  {
    auto file = ResultsFile::open(path, [](const Json&) {});
    ASSERT_TRUE(file) << file.error().message;
    allow(1000);
    const Json line = {{"image", "a.png"}, {"text", std::string(90, 'x')}};
    Result<void> written;
    while ((written = (*file)->append(line)) && num_written < 100) ++num_written;
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::kResourceExhausted);
    EXPECT_NE(written.error().message.find("lines.jsonl"), std::string::npos);
    EXPECT_NE(written.error().message.find("again to go on"), std::string::npos);
  }
  EXPECT_GT(num_written, 3);
  EXPECT_EQ(fs::file_size(path), 1000u);  // with a line that was torn
  allow(before_.rlim_cur);
  int num_found = 0;
  const auto again = ResultsFile::open(path, [&](const Json&) { ++num_found; });
  ASSERT_TRUE(again);
  EXPECT_EQ(num_found, num_written);
  ASSERT_TRUE((*again)->append({{"image", "b.png"}}));
  const std::string text = *read_file(path);
  EXPECT_EQ(std::ranges::count(text, '\n'), num_written + 1);
}

TEST_F(FullDisk, VideosLeaveNothing) {
  for (const char* name : {"a.mp4", "a.mkv", "a.webm"}) {
    allow(20'000);
    auto writer =
        media::VideoWriter::open(folder_ / name, {.width = 160, .height = 120, .fps = 10});
    ASSERT_TRUE(writer) << writer.error().message;
    media::Image noise{160, 120, media::PixelBytes(size_t{160} * 120 * 3)};
    Result<void> done;
    for (uint32_t i = 0, state = 1; i < 60 && done; ++i) {
      for (uint8_t& value : noise.data) {
        state = state * 1664525 + 1013904223;
        value = static_cast<uint8_t>(state >> 24);
      }
      done = (*writer)->write(noise);
    }
    if (done) done = (*writer)->finish();
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().code, Code::kResourceExhausted) << done.error().message;
    EXPECT_NE(done.error().message.find(name), std::string::npos) << done.error().message;
    writer->reset();
    EXPECT_TRUE(fs::is_empty(folder_)) << name;
    allow(before_.rlim_cur);
  }
}

}  // namespace
}  // namespace glmv::grounding
