#pragma once
// Pieces of a filter of system calls (seccomp).

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>

namespace glmv {

#if defined(__x86_64__)
inline constexpr uint32_t kCallArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr uint32_t kCallArchitecture = AUDIT_ARCH_AARCH64;
#endif

// Low half of an argument: little-endian.
constexpr size_t call_argument(int index) {
  return offsetof(seccomp_data, args) + static_cast<size_t>(index) * sizeof(uint64_t);
}

inline sock_filter load_word(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
inline sock_filter answer_call(uint32_t value) { return BPF_STMT(BPF_RET | BPF_K, value); }
// Skips `otherwise` instructions unless the loaded word is `value`.
inline sock_filter if_word_is(uint32_t value, uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise);
}
// Skips `otherwise` instructions unless the loaded word has one of `bits`.
inline sock_filter if_word_has(uint32_t bits, uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, otherwise);
}

}  // namespace glmv
