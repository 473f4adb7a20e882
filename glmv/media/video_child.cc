#include "glmv/media/video_child.h"

#include <new>
#include <vector>

#include "glmv/base/child_process.h"
#include "glmv/base/child_side.h"
#include "glmv/base/sandbox.h"
#include "glmv/media/video_wire.h"

namespace glmv::media {
namespace {

// No exception of a library leaves the decoder.
template <class Action>
auto guarded(const Action& action) -> decltype(action()) {
  try {
    return action();
  } catch (const std::bad_alloc&) {
    return resource_exhausted("no memory for its frames");
  }
}

// False when there are no more.
Result<bool> answer_one(int socket, VideoReader& reader, const VideoLimits& limits) {
  VideoReadRequest request;
  GLMV_ASSIGN(bool more, read_all(socket, &request, sizeof request));
  if (!more) return false;
  if (request.num_indices > kMaxVideoIndices) return unavailable("too many frames at once");
  std::vector<int64_t> indices(request.num_indices);
  GLMV_ASSIGN(more, read_all(socket, indices.data(), indices.size() * sizeof indices[0]));
  if (!more) return false;
  // Also ends an orphan whose video never ends.
  limit_time(limits.max_seconds * limits.num_threads, limits.max_seconds + 2);
  Result<void> sent;
  const auto done = guarded([&] {
    return reader.read(indices, request.width, request.height, [&](int64_t index, Image image) {
      VideoFrameReply reply{.index = index, .width = image.width, .height = image.height};
      sent = write_all(socket, &reply, sizeof reply);
      if (sent) sent = write_all(socket, image.data.data(), image.data.size());
      return sent.has_value();
    });
  });
  GLMV_RETURN_IF_ERROR(sent);
  limit_time(limits.max_seconds * limits.num_threads, 0);
  VideoFrameReply end;
  if (!done) end.error.set(done.error());
  GLMV_RETURN_IF_ERROR(write_all(socket, &end, sizeof end));
  return true;
}

}  // namespace

Result<void> serve_video_requests(int socket) {
  stand_behind_parent();
  end_with_parent(socket);
  VideoOpenRequest request;
  GLMV_ASSIGN(const bool asked, read_all(socket, &request, sizeof request));
  if (!asked) return {};
  const VideoLimits& limits = request.limits;
  // Without a filter of system calls the other limits still hold.
  (void)enter_sandbox({.max_memory_bytes = limits.max_memory_bytes});
  limit_time(limits.max_seconds * limits.num_threads, limits.max_seconds + 2);
  const auto file = std::make_shared<const Fd>(kChildFile);
  auto reader = guarded([&] { return InlineVideoOpener(limits).open(file); });
  limit_time(limits.max_seconds * limits.num_threads, 0);
  VideoOpenReply reply;
  if (reader) {
    reply.info = (*reader)->info();
  } else {
    reply.error.set(reader.error());
  }
  GLMV_RETURN_IF_ERROR(write_all(socket, &reply, sizeof reply));
  while (reader) {
    GLMV_ASSIGN(const bool more, answer_one(socket, **reader, limits));
    if (!more) break;
  }
  return {};
}

}  // namespace glmv::media
