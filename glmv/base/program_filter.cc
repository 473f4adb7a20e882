#include "glmv/base/program_filter.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

namespace glmv {
namespace {

constexpr int kRefused[] = {
    SYS_connect,
    SYS_accept,
    SYS_accept4,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_kcmp,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsmount,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_personality,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_fanotify_init,
    SYS_mknodat,
    SYS_shmget,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
#if defined(__x86_64__)
    SYS_fork,
    SYS_vfork,
    SYS_mknod,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

sock_filter refuse_with(int error) {
  return answer_call(SECCOMP_RET_ERRNO | static_cast<uint32_t>(error));
}

}  // namespace

std::vector<sock_filter> program_filter(bool local_sockets) {
  const sock_filter allow = answer_call(SECCOMP_RET_ALLOW);
  std::vector<sock_filter> filter = {load_word(offsetof(seccomp_data, arch)),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kCallArchitecture, 1, 0),
                                     answer_call(SECCOMP_RET_KILL_PROCESS),
                                     load_word(offsetof(seccomp_data, nr))};
  const auto add = [&filter](std::initializer_list<sock_filter> more) {
    filter.insert(filter.end(), more);
  };
#if defined(__x86_64__)
  constexpr uint32_t kOfX32 = 0x40000000;
  add({if_word_has(kOfX32, 1), refuse_with(EPERM)});
#endif
  for (const int call : kRefused) {
    add({if_word_is(static_cast<uint32_t>(call), 1), refuse_with(EPERM)});
  }
  const auto only_if_first = [&](int call, const sock_filter& test) {
    add({if_word_is(static_cast<uint32_t>(call), 4), load_word(call_argument(0)), test, allow,
         refuse_with(EPERM)});
  };
  if (local_sockets) {
    only_if_first(SYS_socket, if_word_is(AF_UNIX, 1));
    for (const int call : {SYS_bind, SYS_listen}) {
      add({if_word_is(static_cast<uint32_t>(call), 1), refuse_with(0)});
    }
  } else {
    add({if_word_is(SYS_socket, 1), refuse_with(EPERM)});
  }
  only_if_first(SYS_prlimit64, if_word_is(0, 1));  // its own limits
  // Threads, no processes. Flags of clone3 lie in memory, which a filter cannot read: the C library
  // then uses clone.
  only_if_first(SYS_clone, if_word_has(CLONE_THREAD, 1));
  add({if_word_is(SYS_clone3, 1), refuse_with(ENOSYS), allow});
  return filter;
}

}  // namespace glmv
