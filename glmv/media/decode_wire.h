#pragma once
// What a decoding child and its parent say to each other over a stream socket, in this order: a
// DecodeRequest and the file, kDecodeStarted, a DecodeReply and the pixels. Both run on one machine
// and are one program.

#include <cstdint>

namespace glmv::media {

struct DecodeRequest {
  uint64_t num_bytes = 0;
  int64_t max_pixels = 0;
  double cpu_seconds = 0;   // of computing at most
  double wall_seconds = 0;  // of time that passes
};

// The child has read the whole request. Without it, its end had nothing to do with the picture.
inline constexpr char kDecodeStarted = 'S';

struct DecodeReply {
  int32_t code = -1;  // of an error (glmv::Code); -1: the pixels follow
  int32_t width = 0;
  int32_t height = 0;
};

}  // namespace glmv::media
