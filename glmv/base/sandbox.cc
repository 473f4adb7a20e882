#include "glmv/base/sandbox.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "glmv/base/call_filter.h"
#include "glmv/base/child_process.h"
#include "glmv/base/files.h"

namespace glmv {
namespace {

// What computing, memory, threads and open sockets need. Everything else fails with EPERM, so that
// a library that tries it takes its error path.
constexpr int kAllowedCalls[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_close,
    SYS_lseek,
    SYS_pread64,
    SYS_ppoll,
    SYS_fstat,
    SYS_newfstatat,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getcpu,
    SYS_membarrier,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_setitimer,
    SYS_getrusage,
    SYS_getrandom,
    SYS_sysinfo,
    SYS_uname,
#if defined(__x86_64__)
    SYS_poll,
    SYS_time,
    SYS_getrlimit,
    SYS_setrlimit,
#endif
};

std::vector<sock_filter> call_filter() {
  std::vector<sock_filter> filter = {load_word(offsetof(seccomp_data, arch)),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCallArchitecture, 1, 0),
                                     answer_call(SECCOMP_RET_KILL_PROCESS),
                                     load_word(offsetof(seccomp_data, nr))};
  for (const int call : kAllowedCalls) {
    filter.push_back(if_word_is(static_cast<uint32_t>(call), 1));
    filter.push_back(answer_call(SECCOMP_RET_ALLOW));
  }
  // Signals and limits for itself alone: the parent has the same user.
  const auto allow_if_first_is = [&](int call, uint32_t value) {
    filter.push_back(if_word_is(static_cast<uint32_t>(call), 4));
    filter.push_back(load_word(call_argument(0)));
    filter.push_back(if_word_is(value, 1));
    filter.push_back(answer_call(SECCOMP_RET_ALLOW));
    filter.push_back(answer_call(SECCOMP_RET_ERRNO | EPERM));
  };
  allow_if_first_is(SYS_tgkill, static_cast<uint32_t>(::getpid()));
  allow_if_first_is(SYS_prlimit64, 0);
  // Flags of clone3 lie in memory, which a filter cannot read: the C library then uses clone.
  filter.push_back(if_word_is(SYS_clone3, 1));
  filter.push_back(answer_call(SECCOMP_RET_ERRNO | ENOSYS));
  // Threads, no processes.
  filter.push_back(if_word_is(SYS_clone, 3));
  filter.push_back(load_word(call_argument(0)));
  filter.push_back(if_word_has(CLONE_THREAD, 1));
  filter.push_back(answer_call(SECCOMP_RET_ALLOW));
  filter.push_back(answer_call(SECCOMP_RET_ERRNO | EPERM));
  return filter;
}

void limit(__rlimit_resource resource, rlim_t most) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return;
  if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
  const rlimit wanted{most, most};
  ::setrlimit(resource, &wanted);
}

// Of the whole address space.
size_t mapped_bytes() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re"); file != nullptr) {
    if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<size_t>(pages) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<void> enter_sandbox(const SandboxLimits& limits) {
  limit(RLIMIT_AS, mapped_bytes() + limits.max_memory_bytes);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, kChildSocket + 1);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return unsupported("no_new_privs: {}", errno_text(errno));
  }
  std::vector<sock_filter> filter = call_filter();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
    return unsupported("no filter of system calls: {}", errno_text(errno));
  }
  return {};
}

void limit_time(double cpu_seconds, double wall_seconds) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  rlimit cpu{};
  if (::getrlimit(RLIMIT_CPU, &cpu) == 0) {
    const auto so_far = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    cpu.rlim_cur = so_far + 1 + static_cast<rlim_t>(std::ceil(cpu_seconds));
    if (cpu.rlim_max != RLIM_INFINITY && cpu.rlim_cur > cpu.rlim_max) cpu.rlim_cur = cpu.rlim_max;
    ::setrlimit(RLIMIT_CPU, &cpu);
  }
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(wall_seconds);
  timer.it_value.tv_usec =
      static_cast<suseconds_t>((wall_seconds - std::floor(wall_seconds)) * 1e6);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace glmv
