#pragma once
// What a decoding child and its parent say to each other over a stream socket, in this order: a
// DecodeRequest and the file, kDecodeStarted, a DecodeReply and the pixels. Both run on one machine
// and are one program.

#include <cstdint>

#include "glmv/media/child_error.h"

namespace glmv::media {

struct DecodeRequest {
  uint64_t num_bytes = 0;
  int64_t max_pixels = 0;
  double cpu_seconds = 0;   // of computing at most
  double wall_seconds = 0;  // of time that passes
  int32_t any_format = 0;   // TIFF and AVIF too
};

// Stands for the picture's name in messages of the child.
inline constexpr char kNoName[] = "?";

// The child has read the whole request. Without it, its end had nothing to do with the picture.
inline constexpr char kDecodeStarted = 'S';

struct DecodeReply {
  ChildError error;  // without one the pixels follow
  int32_t width = 0;
  int32_t height = 0;
  int32_t orientation = 1;
};

}  // namespace glmv::media
