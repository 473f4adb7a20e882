#pragma once
// Decodes in child processes that may do nothing but compute (decode_child.h): a picture that
// breaks a decoder ends a child, which is started again, and nothing else.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "glmv/base/child_process.h"
#include "glmv/media/picture_decoder.h"

namespace glmv::media {

struct ChildDecoderOptions {
  // Starts a program that calls serve_decode_requests(kChildSocket, max_pixels).
  std::vector<std::string> command;
  int num_children = 1;  // pictures that are decoded at once
  int64_t max_pixels = 100'000'000;
  // Of computing, and of time that passes: a busy machine gives a child little of it.
  std::chrono::milliseconds cpu_timeout{20'000};
  std::chrono::milliseconds picture_timeout{60'000};
  std::chrono::milliseconds start_timeout{30'000};
  // A child is replaced after so many, which bounds what it may leak.
  int pictures_per_child = 1000;
};

class ChildDecoder final : public PictureDecoder {
 public:
  // Starts the first child and sees it decode. Errors: unavailable.
  static Result<std::unique_ptr<ChildDecoder>> start(ChildDecoderOptions options);

  // Starts the first child with the first picture.
  explicit ChildDecoder(ChildDecoderOptions options);

  // Both wait for a free child.
  Result<Image> decode(std::string_view bytes, int64_t max_pixels) override;
  Result<DecodedImage> decode_file(std::string_view bytes, std::string_view name,
                                   const Wanted& wanted = {}) override;

  // Of the children that run now, for tests.
  std::vector<pid_t> pids() const;

 private:
  struct Child {
    ChildProcess process;
    int num_pictures = 0;
  };

  struct Job {
    std::string_view bytes;
    int64_t max_pixels = 0;
    bool any_format = false;
    Wanted wanted;
  };

  Result<DecodedImage> run(const Job& job);
  // An idle child, or the right to start one (null).
  std::unique_ptr<Child> take();
  void give(std::unique_ptr<Child> child);
  // `begun`: the child had read the picture. On an error the child is of no more use, unless
  // `answered`.
  Result<DecodedImage> ask(Child& child, const Job& job, bool& begun, bool& answered) const;

  const ChildDecoderOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Child>> idle_;
  std::vector<pid_t> pids_;
  int num_busy_ = 0;
};

}  // namespace glmv::media
