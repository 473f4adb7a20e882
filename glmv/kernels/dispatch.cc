#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "glmv/base/check.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

// Not every compiler knows the name of this one.
bool has_f16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool has_avx512_bf16() {
  return has_avx512() && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16");
}

// AMX. A process must ask for the state of the tiles; Linux grants it to all its threads.
bool has_tiles() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         __builtin_cpu_supports("amx-int8") &&
         ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

std::span<const IsaRow> isa_rows() {
  static const KernelTable bf16 = [] {
    KernelTable table = kAvx512Bf16Kernels;
    const bool pairs = has_avx512_bf16() && pairs_are_fast();
    table.flash_bf16 = pairs ? &kPairAttention : kAvx512Kernels.flash_bf16;
    if (pairs) {
      table.tiles = &kPairProducts;
      table.few_rows = &kPairFewRows;
      table.attend_bf16 = kPairAttend;
      table.attend_int8 = kPairAttendInt8;
    }
    table.flash_float = kAvx512Kernels.flash_float;
    return table;
  }();
  static const KernelTable amx = [] {
    KernelTable table = bf16;
    table.isa = "amx";
    table.tiles = &kAmxProducts;
    table.few_rows = &kAmxFewRows;
    table.flash_bf16 = &kAmxAttention;
    table.tile_rows_bf16 = kAmxRowsBf16;
    table.attend_bf16 = kAmxAttend;
    table.attend_int8 = kAmxAttendInt8;
    return table;
  }();
  static const IsaRow rows[] = {
      {&amx, has_avx512_bf16() && has_tiles()},
      {&bf16, has_avx512_bf16()},
      {&kAvx512Kernels, has_avx512()},
      {&kAvx2Kernels, has_avx2()},
      {&kScalarKernels, true},
  };
  return rows;
}

Result<const KernelTable*> choose_kernels(std::string_view forced) {
  std::string known;
  for (const IsaRow& row : isa_rows()) {
    if (forced.empty() ? row.supported : forced == row.table->isa) {
      if (row.supported) return row.table;
      return invalid_argument("GLMV_FORCE_ISA={}: this CPU has no {}", forced, forced);
    }
    known += (known.empty() ? "" : ", ") + std::string(row.table->isa);
  }
  return invalid_argument("GLMV_FORCE_ISA={}: unknown; known: {}", forced, known);
}

const KernelTable& kernels() {
  static const KernelTable* const table = [] {
    const char* forced = std::getenv("GLMV_FORCE_ISA");
    const auto chosen = choose_kernels(forced == nullptr ? "" : forced);
    GLMV_CHECK(chosen.has_value(), "{}", chosen.error().message);
    return *chosen;
  }();
  return *table;
}

}  // namespace glmv::kernels
