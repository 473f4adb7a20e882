// Put before every file of llama.cpp (-include) by tools/llama_env. GCC 12's _tile_loadconfig names
// only 8 of the 64 bytes it reads, so the stores to the others are dropped and llama.cpp's AMX code
// ends in a general protection fault.
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#undef _tile_loadconfig
#define _tile_loadconfig(config) \
  __asm__ volatile("ldtilecfg\t%X0" ::"m"(*reinterpret_cast<const char(*)[64]>(config)))
#endif
