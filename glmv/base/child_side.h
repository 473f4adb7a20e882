#pragma once
// What a child process (child_process.h) does: talk to its parent over the socket, and stand behind
// it.

#include <cstddef>

#include "glmv/base/result.h"

namespace glmv {

// Waits for all bytes; false at the end of the stream. Errors: unavailable.
Result<bool> read_all(int socket, void* bytes, size_t num_bytes);
Result<void> write_all(int socket, const void* bytes, size_t num_bytes);

// From now on this process ends when the other end of the socket is closed, whatever it does then.
void end_with_parent(int socket);

// Whatever happens to memory, the parent is not the first to go; and what it does comes first. To
// be called before libraries start threads, which inherit it.
void stand_behind_parent();

}  // namespace glmv
