#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "glmv/base/check.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace

bool has_tiles() {
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         __builtin_cpu_supports("amx-int8");
}

// Tiles belong to a process only once it has asked for them.
static bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM of arch_prctl
  constexpr long kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

std::span<const IsaRow> isa_rows() {
  // As for bf16, but for the attention.
  static const KernelTable amx = [] {
    KernelTable table = kAvx512Bf16Kernels;
    table.isa = "amx";
    table.attend_bf16 = kAmxAttend;
    return table;
  }();
  static const bool bf16 = has_avx512() && __builtin_cpu_supports("avx512vnni") &&
                           __builtin_cpu_supports("avx512bf16");
  static const IsaRow rows[] = {
      {&amx, bf16 && has_tiles() && may_use_tiles()},
      {&kAvx512Bf16Kernels, bf16},
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
