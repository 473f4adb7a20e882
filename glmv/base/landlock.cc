#include "glmv/base/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace glmv {
namespace {

// Of versions that the headers may not know.
struct RulesetAttributes {
  uint64_t files = 0;
  uint64_t network = 0;  // version 4: TCP
  uint64_t scoped = 0;   // version 6: abstract sockets, signals
};
constexpr uint64_t kRefer = 1 << 13;     // version 2
constexpr uint64_t kTruncate = 1 << 14;  // version 3
constexpr uint64_t kIoctl = 1 << 15;     // version 5

constexpr uint64_t kRead =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// What a rule for a file that is no folder may grant.
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                              LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kIoctl;

RulesetAttributes everything(long version) {
  RulesetAttributes all;
  all.files = (1 << 13) - 1;
  if (version >= 2) all.files |= kRefer;
  if (version >= 3) all.files |= kTruncate;
  if (version >= 5) all.files |= kIoctl;
  if (version >= 4) all.network = 3;
  if (version >= 6) all.scoped = 3;
  return all;
}

void allow(int rules, const std::filesystem::path& path, uint64_t access) {
  const Fd file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat info{};
  if (!file.ok() || ::fstat(file.get(), &info) != 0) return;
  if (!S_ISDIR(info.st_mode)) access &= kOfFiles;
  const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = file.get()};
  ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

}  // namespace

std::unique_ptr<const Fd> landlock_rules(const FileRights& rights) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return nullptr;
  const RulesetAttributes all = everything(version);
  const size_t size = version >= 6   ? sizeof all
                      : version >= 4 ? offsetof(RulesetAttributes, scoped)
                                     : offsetof(RulesetAttributes, network);
  auto rules = std::make_unique<const Fd>(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, size, 0)));
  if (!rules->ok()) return nullptr;
  for (const auto& path : rights.readable) allow(rules->get(), path, kRead);
  for (const auto& path : rights.writable) allow(rules->get(), path, all.files);
  return rules;
}

bool restrict_to(const Fd& rules) {
  return ::syscall(SYS_landlock_restrict_self, rules.get(), 0) == 0;
}

}  // namespace glmv
