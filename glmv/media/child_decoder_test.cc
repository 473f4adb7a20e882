#include "glmv/media/child_decoder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vips/vips.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/base/sandbox.h"
#include "glmv/media/decode.h"
#include "glmv/media/decode_child.h"
#include "glmv/media/decode_wire.h"
#include "glmv/media/png_writer.h"

namespace glmv::media {

int run_video_child(const std::string& kind);  // child_video_opener_test.cc
int run_cut_child(const std::string& kind);    // video_cutter_test.cc

namespace {

using namespace std::chrono_literals;

constexpr int64_t kMaxPixels = 40'000'000;

// Reads one request and answers nothing: a picture that breaks or stops its decoder.
void read_request(int socket, bool begin) {
  DecodeRequest request;
  if (::read(socket, &request, sizeof request) != sizeof request) ::_exit(3);
  std::string file(request.num_bytes, '\0');
  size_t got = 0;
  while (got < file.size()) {
    const ssize_t n = ::read(socket, file.data() + got, file.size() - got);
    if (n <= 0) ::_exit(3);
    got += static_cast<size_t>(n);
  }
  if (begin && ::write(socket, &kDecodeStarted, 1) != 1) ::_exit(3);
}

// The first request is answered, so that ChildDecoder::start is content.
void answer_one_pixel(int socket) {
  read_request(socket, true);
  const DecodeReply reply{.width = 1, .height = 1};
  const char pixel[3] = {};
  if (::write(socket, &reply, sizeof reply) < 0 || ::write(socket, pixel, 3) < 0) ::_exit(3);
}

// This program is its own child.
int run_child(const std::string& kind) {
  if (kind.starts_with("video")) return run_video_child(kind);
  if (kind.starts_with("cut")) return run_cut_child(kind);
  if (kind == "decode") return serve_decode_requests(kChildSocket, kMaxPixels) ? 0 : 1;
  if (kind == "confined") {
    // Reports which of the forbidden things work all the same.
    (void)enter_sandbox({.max_memory_bytes = size_t{64} << 20});
    char found = 0;
    if (::socket(AF_INET, SOCK_STREAM, 0) >= 0) found |= 1;
    if (std::ifstream("/etc/passwd").good()) found |= 2;
    if (::fork() >= 0) found |= 4;
    if (::mmap(nullptr, size_t{256} << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
               0) != MAP_FAILED) {
      found |= 8;
    }
    if (::kill(::getppid(), 0) == 0) found |= 16;
    if (::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0) == 0) found |= 32;
    rlimit limit{};
    if (::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &limit) == 0) found |= 64;
    // These are its own business.
    if (::syscall(SYS_tgkill, ::getpid(), ::gettid(), 0) != 0) found |= 64;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) found |= 64;
    std::thread([] {}).join();  // threads are allowed: else this throws
    return ::write(kChildSocket, &found, 1) == 1 ? 0 : 1;
  }
  answer_one_pixel(kChildSocket);
  read_request(kChildSocket, true);
  if (kind == "hang") ::sleep(100);
  if (kind == "spin") {
    limit_time(1, 0);
    for (std::atomic<int> i = 0;; ++i) {
    }
  }
  if (kind == "lie") {
    const DecodeReply reply{.width = 1 << 30, .height = 1 << 30};
    return ::write(kChildSocket, &reply, sizeof reply) > 0 ? 0 : 1;
  }
  return 1;
}

std::string golden_bytes(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/media/" + name);
}

std::unique_ptr<ChildDecoder> start(const std::string& kind,
                                    std::chrono::milliseconds timeout = 20s, int pictures = 1000) {
  auto decoder = ChildDecoder::start({.command = {kThisProgram, "--as-child", kind},
                                      .max_pixels = kMaxPixels,
                                      .picture_timeout = timeout,
                                      .pictures_per_child = pictures});
  EXPECT_TRUE(decoder) << decoder.error().message;
  return decoder ? std::move(*decoder) : nullptr;
}

TEST(ChildDecoder, GivesTheSamePixelsAndErrorsAsThisProcess) {
  const auto child = start("decode");
  InlineDecoder inlined;
  const std::string index = golden_bytes("index.jsonl");
  int num_pictures = 0, num_refused = 0;
  for (size_t begin = index.find('\n') + 1; begin < index.size();) {
    const size_t end = index.find('\n', begin);
    const std::string name = (*parse_json(index.substr(begin, end - begin), "index"))["file"];
    begin = end + 1;
    SCOPED_TRACE(name);
    const std::string whole = golden_bytes(name);
    for (const std::string& bytes :
         {whole, whole.substr(0, whole.size() / 2), whole.substr(0, 12)}) {
      const auto want = inlined.decode(bytes, 1'000'000);
      const auto got = child->decode(bytes, 1'000'000);
      ASSERT_EQ(got.has_value(), want.has_value());
      if (want) {
        ++num_pictures;
        EXPECT_EQ(got->width, want->width);
        EXPECT_EQ(got->height, want->height);
        EXPECT_TRUE(got->data == want->data);
      } else {
        ++num_refused;
        EXPECT_NE(got.error().code, Code::kUnavailable) << got.error().message;
      }
    }
  }
  EXPECT_GE(num_pictures, 40);
  EXPECT_GE(num_refused, 80);
  EXPECT_EQ(child->decode(golden_bytes("rgb.png"), 10).error().code, Code::kResourceExhausted);
  EXPECT_EQ(child->decode("", 10).error().code, Code::kInvalidArgument);
  EXPECT_EQ(child->pids().size(), 1u);  // never replaced
}

// Every format, and what people are told.
TEST(ChildDecoder, ReadsFilesAsThisProcessDoes) {
  const auto child = start("decode");
  int num_pictures = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(GLMV_SOURCE_DIR "/tests/golden/media")) {
    const std::string name = entry.path().filename();
    const std::string whole = golden_bytes(name);
    SCOPED_TRACE(name);
    for (const std::string& bytes : {whole, whole.substr(0, whole.size() / 2), std::string()}) {
      const auto want = decode_image(bytes, name);
      const auto got = child->decode_file(bytes, name);
      ASSERT_EQ(got.has_value(), want.has_value())
          << (want ? got.error().message : want.error().message);
      if (want) {
        ++num_pictures;
        EXPECT_EQ(got->format, want->format);
        EXPECT_EQ(got->orientation, want->orientation);
        EXPECT_EQ(got->image.width, want->image.width);
        EXPECT_TRUE(got->image.data == want->image.data);
      } else {
        EXPECT_EQ(got.error().code, want.error().code);
        EXPECT_EQ(got.error().message, want.error().message);
      }
    }
  }
  EXPECT_GE(num_pictures, 50);
  EXPECT_EQ(child->pids().size(), 1u);  // none broke it
}

TEST(ChildDecoder, WhatNobodyWantsEndsAtOnce) {
  const auto child = start("hang");
  const auto begin = std::chrono::steady_clock::now();
  const auto spent = [begin] { return std::chrono::steady_clock::now() - begin; };
  const auto got = child->decode_file("picture", "a.png", [&] { return spent() < 100ms; });
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kCancelled);
  EXPECT_LT(spent(), 5s);  // it would take 20
  EXPECT_TRUE(child->pids().empty());
}

TEST(ChildDecoder, TheFirstChildStartsWithTheFirstPicture) {
  ChildDecoder decoder(
      {.command = {kThisProgram, "--as-child", "decode"}, .max_pixels = kMaxPixels});
  EXPECT_TRUE(decoder.pids().empty());
  EXPECT_TRUE(decoder.decode_file(golden_bytes("rgb.png"), "rgb.png"));
  EXPECT_EQ(decoder.pids().size(), 1u);
}

TEST(ChildDecoder, LargePicturesPass) {
  const auto child = start("decode");
  Image image;
  image.width = 2000;
  image.height = 1900;
  image.data.resize(size_t{2000} * 1900 * 3);
  for (size_t i = 0; i < image.data.size(); ++i) image.data[i] = static_cast<uint8_t>(i * i >> 3);
  const auto png = encode_png(image);
  ASSERT_TRUE(png);
  const auto got = child->decode(*png, 4'000'000);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(got->data == image.data);
}

// libvips would decode pictures of this size by way of a temporary file.
TEST(ChildDecoder, LargeWebpNeedsNoFile) {
  VipsImage* black = nullptr;
  void* bytes = nullptr;
  size_t size = 0;
  ASSERT_EQ(vips_black(&black, 6200, 6200, "bands", 3, nullptr), 0);
  ASSERT_EQ(vips_webpsave_buffer(black, &bytes, &size, "lossless", 1, "effort", 0, nullptr), 0);
  const std::string webp(static_cast<const char*>(bytes), size);
  g_free(bytes);
  g_object_unref(black);
  const auto got = start("decode")->decode(webp, kMaxPixels);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->width, 6200);
}

TEST(ChildDecoder, AChildThatWasKilledIsReplaced) {
  const auto child = start("decode");
  const std::string picture = golden_bytes("rgb_420.jpg");
  for (int round = 0; round < 3; ++round) {
    const pid_t before = child->pids().at(0);
    ::kill(before, SIGKILL);
    const auto got = child->decode(picture, 1'000'000);
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_EQ(child->pids().size(), 1u);
    EXPECT_NE(child->pids()[0], before);
  }
}

TEST(ChildDecoder, KilledAtAnyTimeGivesAPictureOrAnError) {
  const auto child = start("decode");
  const std::string picture = golden_bytes("progressive.jpg");
  std::atomic<bool> done = false;
  std::thread killer([&] {
    while (!done) {
      for (const pid_t pid : child->pids()) ::kill(pid, SIGKILL);
      std::this_thread::sleep_for(7ms);
    }
  });
  for (int i = 0; i < 60; ++i) {
    const auto got = child->decode(picture, 1'000'000);
    EXPECT_TRUE(got || got.error().code == Code::kUnavailable);
  }
  done = true;
  killer.join();
  EXPECT_TRUE(child->decode(picture, 1'000'000));
}

TEST(ChildDecoder, ACrashOrALieEndsTheChildOnly) {
  for (const char* kind : {"crash", "lie"}) {
    const auto child = start(kind);
    const pid_t first = child->pids().at(0);
    const auto got = child->decode("picture", 1000);
    EXPECT_EQ(got.error().code, Code::kUnavailable) << kind;
    EXPECT_TRUE(child->pids().empty()) << kind;
    // The next one gets a new child, which answers its first request.
    EXPECT_TRUE(child->decode("picture", 1000)) << kind;
    EXPECT_NE(child->pids().at(0), first);
  }
}

TEST(ChildDecoder, APictureThatNeverEndsIsGivenUp) {
  const auto child = start("hang", 300ms);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(child->decode("picture", 1000).error().code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_TRUE(child->pids().empty());
}

TEST(ChildDecoder, ComputingTooLongEndsTheChild) {
  const auto child = start("spin");
  EXPECT_EQ(child->decode("picture", 1000).error().code, Code::kUnavailable);
  EXPECT_TRUE(child->pids().empty());
}

TEST(ChildDecoder, ChildrenAreReplacedAfterSoManyPictures) {
  const auto child = start("decode", 20s, 3);  // start() is the first
  const std::string picture = golden_bytes("one_pixel.jpg");
  const pid_t first = child->pids().at(0);
  EXPECT_TRUE(child->decode(picture, 1000));
  EXPECT_EQ(child->pids().at(0), first);
  EXPECT_TRUE(child->decode(picture, 1000));
  EXPECT_TRUE(child->decode(picture, 1000));
  EXPECT_NE(child->pids().at(0), first);
}

TEST(ChildDecoder, AProgramThatIsNotThereIsAnError) {
  EXPECT_EQ(ChildDecoder::start({.command = {"/no/such/program"}}).error().code,
            Code::kUnavailable);
  EXPECT_EQ(ChildDecoder::start({.command = {"/bin/true"}}).error().code, Code::kUnavailable);
}

TEST(ChildDecoder, ManyAtOnce) {
  const auto child = start("decode");
  const std::string picture = golden_bytes("rgb.png");
  std::vector<std::thread> threads;
  std::atomic<int> num_good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) num_good += child->decode(picture, 1'000'000).has_value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_good, 40);
}

TEST(Sandbox, LeavesNothingButComputing) {
  auto child = ChildProcess::start({kThisProgram, "--as-child", "confined"});
  ASSERT_TRUE(child);
  char found = 127;
  ASSERT_TRUE(child->receive(&found, 1, std::chrono::steady_clock::now() + 20s));
  EXPECT_EQ(found, 0);
}

TEST(ChildProcess, InheritsNoFileAndNoVariable) {
  ::setenv("GLMV_SECRET_FOR_TEST", "1", 1);
  int leaked[2];
  ASSERT_EQ(::pipe(leaked), 0);  // not closed on exec
  auto child = ChildProcess::start(
      {"/bin/sh", "-c",
       "{ ls /proc/self/fd; echo \"secret:$GLMV_SECRET_FOR_TEST\"; } | tr '\\n' ' ' >&3"});
  ASSERT_TRUE(child);
  std::string text;
  char c = 0;
  while (child->receive(&c, 1, std::chrono::steady_clock::now() + 20s)) text += c;
  // ls has 0-2, the socket and the folder that it lists.
  EXPECT_EQ(text, "0 1 2 3 4 secret: ");
  ::close(leaked[0]);
  ::close(leaked[1]);
}

}  // namespace
}  // namespace glmv::media

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--as-child") == 0) return glmv::media::run_child(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  if (VIPS_INIT(argv[0]) != 0) return 1;
  return RUN_ALL_TESTS();
}
