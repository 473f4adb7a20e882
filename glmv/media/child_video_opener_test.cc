#include "glmv/media/child_video_opener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "glmv/base/child_side.h"
#include "glmv/media/video_child.h"
#include "glmv/media/video_source.h"
#include "glmv/media/video_wire.h"

namespace glmv::media {

using namespace std::chrono_literals;

// What the child of these tests does, which is this program.
int run_video_child(const std::string& kind) {
  if (kind == "video") return serve_video_requests(kChildSocket) ? 0 : 1;
  VideoOpenRequest request;
  if (kind == "video-stays") {
    end_with_parent(kChildSocket);
    std::this_thread::sleep_for(100s);
  }
  (void)read_all(kChildSocket, &request, sizeof request);
  if (kind == "video-dies") return 1;
  VideoOpenReply opened{.info = {10, 25, 0.4, 28, 28}};
  if (kind == "video-lies") opened.info.width = 1 << 30;
  (void)write_all(kChildSocket, &opened, sizeof opened);
  VideoReadRequest read;
  (void)read_all(kChildSocket, &read, sizeof read);
  if (kind == "video-hangs") std::this_thread::sleep_for(100s);
  const VideoFrameReply wrong{.index = 3, .width = 1 << 14, .height = 1 << 14};
  if (kind == "video-lies-later") (void)write_all(kChildSocket, &wrong, sizeof wrong);
  return 1;
}

namespace {

constexpr auto kTakeAll = [](int64_t, const Image&) { return true; };

std::shared_ptr<const Fd> golden(const std::string& name) {
  return open_video_source(std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/" + name)->file;
}

ChildVideoOpener opener(const std::string& kind, VideoLimits limits = {}, int max_children = 2) {
  return ChildVideoOpener({.command = {kThisProgram, "--as-child", kind},
                           .limits = limits,
                           .max_children = max_children,
                           .start_timeout = 10s});
}

TEST(ChildVideoOpener, GivesTheSameFramesAsThisProcess) {
  for (const char* name : {"cfr25.mp4", "rotated_left.mp4", "vp9.webm", "xvid.avi", "hevc.mp4"}) {
    auto child = opener("video").open(golden(name));
    auto inlined = InlineVideoOpener().open(golden(name));
    ASSERT_TRUE(child && inlined) << name;
    EXPECT_EQ((*child)->info().num_frames, (*inlined)->info().num_frames);
    EXPECT_EQ((*child)->info().fps, (*inlined)->info().fps);
    for (const int side : {0, 56}) {
      std::vector<Image> want, got;
      const std::vector<int64_t> indices = {0, 7, 7, 30};
      ASSERT_TRUE((*inlined)->read(indices, side, side, [&](int64_t, Image frame) {
        want.push_back(std::move(frame));
        return true;
      }));
      const auto read = (*child)->read(indices, side, side, [&](int64_t, Image frame) {
        got.push_back(std::move(frame));
        return true;
      });
      ASSERT_TRUE(read) << name << ": " << read.error().message;
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(got[i].data == want[i].data) << name;
    }
  }
}

TEST(ChildVideoOpener, ErrorsComeBack) {
  const auto text = opener("video").open(golden("index.jsonl"));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kUnsupported);
  const auto large = opener("video", {.max_pixels = 100}).open(golden("cfr25.mp4"));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::kResourceExhausted);
  // Too little memory for its frames.
  auto poor = opener("video", {.max_memory_bytes = size_t{1} << 20}).open(golden("cfr25.mp4"));
  if (poor) {
    const std::vector<int64_t> one = {1};
    EXPECT_FALSE((*poor)->read(one, 0, 0, kTakeAll));
  }
}

TEST(ChildVideoOpener, AChildThatFailsIsAnError) {
  const std::vector<int64_t> indices = {1, 3};
  EXPECT_EQ(opener("video-dies").open(golden("cfr25.mp4")).error().code, Code::kUnavailable);
  EXPECT_EQ(opener("video-lies").open(golden("cfr25.mp4")).error().code, Code::kUnavailable);
  for (const char* kind : {"video-hangs", "video-lies-later", "video-ends"}) {
    auto reader = opener(kind, {.max_seconds = 0.1}).open(golden("cfr25.mp4"));
    ASSERT_TRUE(reader) << kind;
    const auto read = (*reader)->read(indices, 0, 0, kTakeAll);
    ASSERT_FALSE(read) << kind;
    const bool slow = kind == std::string("video-hangs");
    EXPECT_EQ(read.error().code, slow ? Code::kResourceExhausted : Code::kUnavailable) << kind;
    if (slow) {
      EXPECT_EQ(read.error().message,
                "reading it takes more than 0.1 s: take a part of it, or fewer frames");
    }
    EXPECT_EQ((*reader)->read(indices, 0, 0, kTakeAll).error().code, Code::kUnavailable);
  }
  const auto none = ChildVideoOpener({.command = {"/no/such/program"}}).open(golden("cfr25.mp4"));
  EXPECT_EQ(none.error().code, Code::kInternal);
}

TEST(ChildVideoOpener, WhatNobodyWantsEndsAtOnceAndItsChildToo) {
  std::atomic<bool> is_wanted = true;
  const Wanted wanted = [&] { return is_wanted.load(); };
  auto reader = opener("video-hangs").open(golden("cfr25.mp4"), wanted);
  ASSERT_TRUE(reader) << reader.error().message;
  std::jthread later([&] {
    std::this_thread::sleep_for(100ms);
    is_wanted = false;
  });
  const std::vector<int64_t> indices = {1};
  const auto start = std::chrono::steady_clock::now();
  const auto read = (*reader)->read(indices, 0, 0, kTakeAll);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);  // it would take 100
  // Also while it is opened, or waits for a place.
  const auto opened = opener("video-stays").open(golden("cfr25.mp4"), wanted);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCancelled);
  ChildVideoOpener one = opener("video", {}, 1);
  const auto first = one.open(golden("cfr25.mp4"));
  ASSERT_TRUE(first);
  EXPECT_EQ(one.open(golden("cfr25.mp4"), wanted).error().code, Code::kCancelled);
}

// Where it is a zombie it has ended, too.
bool runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  return name_end != text.npos && text.substr(name_end, 4).find('Z') == text.npos;
}

TEST(ChildVideoOpener, AChildEndsWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child = ChildProcess::start({kThisProgram, "--as-child", "video-stays"});
    const pid_t pid = child ? child->pid() : -1;
    (void)!::write(ends[1], &pid, sizeof pid);
    std::this_thread::sleep_for(300ms);  // it is under way
    ::_exit(0);                          // as by a signal: nothing is tidied up
  }
  pid_t child = -1;
  ASSERT_EQ(::read(ends[0], &child, sizeof child), ssize_t{sizeof child});
  ASSERT_GT(child, 0);
  ::waitpid(parent, nullptr, 0);
  for (int i = 0; i < 100 && runs(child); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(runs(child));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ChildVideoOpener, OneWaitsForThePlaceOfAnother) {
  ChildVideoOpener one = opener("video", {}, 1);
  auto first = one.open(golden("cfr25.mp4"));
  ASSERT_TRUE(first);
  std::atomic<bool> opened = false;
  std::thread second([&] {
    EXPECT_TRUE(one.open(golden("cfr25.mp4")));
    opened = true;
  });
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(opened);
  first->reset();
  second.join();
  EXPECT_TRUE(opened);
}

}  // namespace
}  // namespace glmv::media
