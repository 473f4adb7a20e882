#include "glmv/media/child_decoder.h"

#include <algorithm>

#include "glmv/base/check.h"
#include "glmv/media/decode_wire.h"
#include "glmv/media/format.h"

namespace glmv::media {
namespace {

using Clock = std::chrono::steady_clock;

// A bitmap of one white pixel: what a child that works can decode.
constexpr char kSmallestBmp[] =
    "BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\0\0\0\0\x04\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\0";

}  // namespace

ChildDecoder::ChildDecoder(ChildDecoderOptions options) : options_(std::move(options)) {
  GLMV_CHECK(options_.num_children >= 1);
}

Result<std::unique_ptr<ChildDecoder>> ChildDecoder::start(ChildDecoderOptions options) {
  std::unique_ptr<ChildDecoder> decoder(new ChildDecoder(std::move(options)));
  const std::string_view bmp(kSmallestBmp, sizeof kSmallestBmp - 1);
  if (const auto pixel = decoder->decode(bmp, 1); !pixel) {
    return unavailable("the process that decodes pictures does not work: {}",
                       pixel.error().message);
  }
  return decoder;
}

std::unique_ptr<ChildDecoder::Child> ChildDecoder::take() {
  std::unique_lock lock(mutex_);
  free_.wait(lock, [&] { return num_busy_ < options_.num_children; });
  ++num_busy_;
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Child> child = std::move(idle_.back());
  idle_.pop_back();
  return child;
}

void ChildDecoder::give(std::unique_ptr<Child> child) {
  {
    const std::lock_guard lock(mutex_);
    --num_busy_;
    if (child && child->num_pictures < options_.pictures_per_child) {
      idle_.push_back(std::move(child));
    } else if (child) {
      std::erase(pids_, child->process.pid());
    }
  }
  free_.notify_one();
}

std::vector<pid_t> ChildDecoder::pids() const {
  const std::lock_guard lock(mutex_);
  return pids_;
}

Result<DecodedImage> ChildDecoder::ask(Child& child, const Job& job, bool& begun,
                                       bool& answered) const {
  const std::string_view bytes = job.bytes;
  const bool fresh = child.num_pictures++ == 0;
  using Seconds = std::chrono::duration<double>;
  const DecodeRequest request{bytes.size(), job.max_pixels, Seconds(options_.cpu_timeout).count(),
                              Seconds(options_.picture_timeout).count(), job.any_format};
  const auto ready = Clock::now() + options_.picture_timeout +
                     (fresh ? options_.start_timeout : std::chrono::milliseconds(0));
  char started = 0;
  if (!child.process.send(&request, sizeof request, ready) ||
      !child.process.send(bytes.data(), bytes.size(), ready) ||
      !child.process.receive(&started, 1, ready) || started != kDecodeStarted) {
    return unavailable("the decoding process is gone");
  }
  begun = true;
  // The child's own alarm rings first.
  const auto end = Clock::now() + options_.picture_timeout + std::chrono::seconds(1);
  DecodeReply reply;
  if (!child.process.receive(&reply, sizeof reply, end)) {
    return unavailable("the picture broke its decoder, or took too long");
  }
  if (reply.error.code >= 0) {
    answered = true;
    return std::unexpected(reply.error.status());
  }
  // A child that a picture has taken over may say anything.
  if (reply.width < 1 || reply.height < 1 || reply.height > job.max_pixels / reply.width) {
    return unavailable("the decoding process gives a picture of {} x {}", reply.width,
                       reply.height);
  }
  DecodedImage decoded;
  decoded.format = sniff_format(bytes).value_or(ImageFormat::kPng);
  decoded.orientation = std::clamp(reply.orientation, 1, 8);
  Image& image = decoded.image;
  image.width = reply.width;
  image.height = reply.height;
  image.data.resize(static_cast<size_t>(reply.width) * static_cast<size_t>(reply.height) * 3);
  const auto copied = Clock::now() + options_.picture_timeout;
  if (!child.process.receive(image.data.data(), image.data.size(), copied)) {
    return unavailable("the decoding process ended in the middle of its answer");
  }
  answered = true;
  return decoded;
}

Result<Image> ChildDecoder::decode(std::string_view bytes, int64_t max_pixels) {
  max_pixels = std::clamp<int64_t>(max_pixels, 0, options_.max_pixels);
  Result<DecodedImage> decoded = run({.bytes = bytes, .max_pixels = max_pixels});
  if (decoded) return std::move(decoded->image);
  switch (decoded.error().code) {
    case Code::kUnavailable:
    case Code::kInternal:
      return std::unexpected(std::move(decoded).error());
    case Code::kResourceExhausted:
      return resource_exhausted("the picture has more than {} pixels", max_pixels);
    default:
      return invalid_argument("no picture, or a damaged one");
  }
}

Result<DecodedImage> ChildDecoder::decode_file(std::string_view bytes, std::string_view name,
                                               const Wanted& wanted) {
  const DecodeOptions standard;
  if (bytes.size() > standard.max_bytes) return decode_image(bytes, name);  // says so
  auto decoded = run({.bytes = bytes,
                      .max_pixels = std::min(standard.max_pixels, options_.max_pixels),
                      .any_format = true,
                      .wanted = wanted});
  if (decoded) return decoded;
  Status error = std::move(decoded).error();
  const std::string unnamed = std::string("picture ") + kNoName;
  const std::string named = fmt::format("picture {}", name);
  if (error.message.starts_with(unnamed)) {
    error.message.replace(0, unnamed.size(), named);
  } else {
    error.message = named + ": " + error.message;
  }
  return std::unexpected(std::move(error));
}

Result<DecodedImage> ChildDecoder::run(const Job& job) {
  std::unique_ptr<Child> child = take();
  // An idle child may have died long ago; that is noticed only now.
  for (bool last = child == nullptr;; last = true) {
    if (!child) {
      auto process = ChildProcess::start(options_.command);
      if (!process) {
        give(nullptr);
        return internal_error("{}", process.error().message);
      }
      child = std::make_unique<Child>(Child{std::move(*process)});
      const std::lock_guard lock(mutex_);
      pids_.push_back(child->process.pid());
    }
    bool begun = false, answered = false;
    child->process.set_wanted(job.wanted);
    Result<DecodedImage> image = ask(*child, job, begun, answered);
    child->process.set_wanted({});
    if (!answered) {
      {
        const std::lock_guard lock(mutex_);
        std::erase(pids_, child->process.pid());
      }
      child.reset();
      if (!is_wanted(job.wanted)) {
        image = cancelled("reading it was stopped");
      } else if (!begun && !last) {
        continue;
      }
    }
    give(std::move(child));
    return image;
  }
}

}  // namespace glmv::media
