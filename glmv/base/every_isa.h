#pragma once
// GLMV_EVERY_ISA before a function: the compiler makes one copy per instruction set and the loader
// picks. For plain loops that a compiler turns into vectors; what needs intrinsics is in
// glmv/kernels. Not with sanitizers, which run before the loader can pick.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GLMV_EVERY_ISA __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GLMV_EVERY_ISA
#endif
