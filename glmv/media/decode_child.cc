#include "glmv/media/decode_child.h"

#include <new>
#include <string>

#include "glmv/base/child_side.h"
#include "glmv/base/kept_memory.h"
#include "glmv/base/sandbox.h"
#include "glmv/media/decode.h"
#include "glmv/media/decode_wire.h"

namespace glmv::media {
namespace {

// Raw pixels, RGB and what a progressive or 16-bit file needs in between, measured on the largest.
constexpr size_t kMemoryPerPixel = 24;
constexpr size_t kMemoryBeside = size_t{512} << 20;  // files, threads' stacks
constexpr size_t kMaxFileBytes = size_t{512} << 20;

// One grey pixel: loads what the decoders load on first use, before no file can be opened any more.
constexpr char kSmallestGif[] =
    "GIF89a\x01\x00\x01\x00\x80\x00\x00\x80\x80\x80\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00"
    "\x00\x02\x02\x44\x01\x00\x3b";

Result<DecodedImage> decode(std::string_view file, int64_t max_pixels, bool any_format) {
  try {
    return decode_image(
        file, kNoName,
        {.max_bytes = file.size(), .max_pixels = max_pixels, .web_formats_only = !any_format});
  } catch (const std::bad_alloc&) {
    return resource_exhausted("no memory for the picture");
  }
}

// False when there are no more.
Result<bool> serve_one(int socket) {
  DecodeRequest request;
  GLMV_ASSIGN(bool more, read_all(socket, &request, sizeof request));
  if (!more) return false;
  if (request.num_bytes > kMaxFileBytes)
    return unavailable("a file of {} bytes", request.num_bytes);
  std::string file(request.num_bytes, '\0');
  GLMV_ASSIGN(more, read_all(socket, file.data(), file.size()));
  if (!more) return false;
  // Also ends an orphan whose picture never ends.
  limit_time(request.cpu_seconds, request.wall_seconds);
  GLMV_RETURN_IF_ERROR(write_all(socket, &kDecodeStarted, 1));
  const Result<DecodedImage> decoded = decode(file, request.max_pixels, request.any_format != 0);
  limit_time(request.cpu_seconds, 0);
  DecodeReply reply;
  if (!decoded) {
    reply.error.set(decoded.error());
    GLMV_RETURN_IF_ERROR(write_all(socket, &reply, sizeof reply));
    return true;
  }
  const Image& image = decoded->image;
  reply.width = image.width;
  reply.height = image.height;
  reply.orientation = decoded->orientation;
  GLMV_RETURN_IF_ERROR(write_all(socket, &reply, sizeof reply));
  GLMV_RETURN_IF_ERROR(write_all(socket, image.data.data(), image.data.size()));
  return true;
}

}  // namespace

Result<void> serve_decode_requests(int socket, int64_t max_pixels) {
  stand_behind_parent();
  end_with_parent(socket);
  const std::string_view gif(kSmallestGif, sizeof kSmallestGif - 1);
  GLMV_RETURN_IF_ERROR(decode(gif, 1, false));
  // Without a filter of system calls the other limits still hold.
  (void)enter_sandbox(
      {.max_memory_bytes = kMemoryBeside + kMemoryPerPixel * static_cast<size_t>(max_pixels)});
  while (true) {
    GLMV_ASSIGN(const bool more, serve_one(socket));
    release_kept_memory();
    if (!more) return {};
  }
}

}  // namespace glmv::media
