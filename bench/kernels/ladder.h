#pragma once
// The ladder of one kernel: the same work as the fp64 loops do it (reference), as the compiler
// makes it of plain loops (simple), by every instruction set (tuned), and by ATen; timed in turn.

#include <functional>
#include <string>
#include <vector>

namespace glmv::bench {

enum class Limit { kRead, kFp32, kBf16, kInt8 };

struct Rung {
  std::string name;  // "reference", "simple", a set of kernel_table.h, "ATen ..."
  std::function<void()> run;
  double part = 1;  // of the work that run() does: slow rungs do less
};

struct Ladder {
  std::string name;
  double bytes = 0;       // read and written by all of the work
  double operations = 0;  // multiplications and additions
  Limit limit = Limit::kRead;
  std::vector<Rung> rungs;
};

// A family makes its ladder when its turn comes, so that only one holds memory.
using MakeLadder = std::function<Ladder()>;
struct NamedLadder {
  std::string name;
  MakeLadder make;
};

std::vector<NamedLadder> gemv_ladders();
std::vector<NamedLadder> gemm_ladders();
std::vector<NamedLadder> attention_ladders();
std::vector<NamedLadder> row_ladders();  // norms, rotary, gates

}  // namespace glmv::bench
