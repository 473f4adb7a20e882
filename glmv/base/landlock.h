#pragma once
// Landlock: which files a process may open, from Linux 5.13 on without any rights.

#include <filesystem>
#include <memory>
#include <vector>

#include "glmv/base/fd.h"

namespace glmv {

struct FileRights {
  std::vector<std::filesystem::path> readable;  // files, or folders with all in them; also to run
  std::vector<std::filesystem::path> writable;
};

// Rules for restrict_to(); what does not exist is left out. Null where the kernel has no Landlock.
// On kernels that can (6.12), signals to others and abstract sockets are closed too, and TCP.
std::unique_ptr<const Fd> landlock_rules(const FileRights& rights);

// From now on the calling thread and all that it starts opens nothing else. It may be called
// between vfork and exec. False: it failed. The thread must have no_new_privs.
bool restrict_to(const Fd& rules);

}  // namespace glmv
