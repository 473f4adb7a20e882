// One table of all kernels and their rungs, as Markdown:
//   ladders [part of a ladder's name]...
// Every rung runs in turn, several rounds; the median counts. `share` is of this machine's limit
// for the work: the measured read bandwidth, or the peak of the set's own instructions.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "bench/kernels/ladder.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/instruction_peaks.h"
#include "glmv/tensor/machine_limits.h"

namespace glmv::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRounds = 5;
constexpr double kSecondsOfRound = 0.06;

double seconds(const std::function<void()>& run, int64_t calls) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i) run();
  return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(calls);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Limits {
  tensor::MachineLimits machine;
  std::map<std::string, tensor::InstructionPeaks> peaks;  // by set
};

double limit_of(const Limits& limits, const Ladder& ladder, const std::string& rung) {
  if (ladder.limit == Limit::kRead) return limits.machine.read_gb_s;
  const auto found = limits.peaks.find(rung);
  if (found == limits.peaks.end()) return 0;
  switch (ladder.limit) {
    case Limit::kFp32:
      return found->second.fp32;
    case Limit::kBf16:
      return found->second.bf16;
    default:
      return found->second.int8;
  }
}

void measure(const Ladder& ladder, const Limits& limits) {
  std::vector<int64_t> calls;
  for (const Rung& rung : ladder.rungs) {
    const double once = seconds(rung.run, 1);
    calls.push_back(std::clamp<int64_t>(static_cast<int64_t>(kSecondsOfRound / once), 1, 10000));
  }
  std::vector<std::vector<double>> times(ladder.rungs.size());
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < ladder.rungs.size(); ++i) {
      const Rung& rung = ladder.rungs[i];
      times[i].push_back(seconds(rung.run, calls[i]) / rung.part);
    }
  }
  double aten = 0;
  for (size_t i = 0; i < ladder.rungs.size(); ++i) {
    if (ladder.rungs[i].name.starts_with("ATen")) aten = median(times[i]);
  }
  for (size_t i = 0; i < ladder.rungs.size(); ++i) {
    const double time = median(times[i]);
    const double gb_s = ladder.bytes / time / 1e9;
    const double gop_s = ladder.operations / time / 1e9;
    const double limit = limit_of(limits, ladder, ladder.rungs[i].name);
    const double reached = ladder.limit == Limit::kRead ? gb_s : gop_s;
    fmt::print("| {} | {} | {:.3f} | {:.1f} | {:.1f} | {} | {} |\n", i == 0 ? ladder.name : "",
               ladder.rungs[i].name, 1e3 * time, gb_s, gop_s,
               limit == 0 ? "" : fmt::format("{:.0f} %", 100 * reached / limit),
               aten == 0 ? "" : fmt::format("{:.2f}", aten / time));
    std::fflush(stdout);
  }
}

int run(int argc, char** argv) {
  const c10::InferenceMode inference;
  Limits limits;
  const auto machine = tensor::measure_machine(0, "cpu");
  if (!machine) {
    fmt::print(stderr, "{}\n", machine.error().message);
    return 1;
  }
  limits.machine = *machine;
  fmt::print(
      "{}, {} threads: read {:.1f} GB/s; ATen's products of 2048 x 2048: fp32 {:.0f}, bf16 "
      "{:.0f} GFLOP/s\n\n| set | fp32 GFLOP/s | bf16 GFLOP/s | int8 GOP/s |\n|---|---|---|---|\n",
      machine->cpu, machine->num_threads, machine->read_gb_s, machine->fp32_gflops,
      machine->bf16_gflops);
  for (const kernels::IsaRow& row : kernels::isa_rows()) {
    if (!row.supported || row.table->isa == "scalar") continue;
    const tensor::InstructionPeaks peaks = tensor::measure_peaks(row.table->isa);
    limits.peaks[std::string(row.table->isa)] = peaks;
    fmt::print("| {} | {:.0f} | {:.0f} | {:.0f} |\n", row.table->isa, peaks.fp32, peaks.bf16,
               peaks.int8);
  }
  fmt::print(
      "\n| kernel | rung | ms | GB/s | GOP/s | share | times ATen "
      "|\n|---|---|---|---|---|---|---|\n");
  for (const auto& family : {gemv_ladders(), gemm_ladders(), attention_ladders(), row_ladders()}) {
    for (const NamedLadder& named : family) {
      bool wanted = argc < 2;
      for (int i = 1; i < argc; ++i) wanted |= named.name.find(argv[i]) != std::string::npos;
      if (!wanted) continue;
      Ladder ladder = named.make();
      ladder.name = named.name;
      measure(ladder, limits);
    }
  }
  return 0;
}

}  // namespace
}  // namespace glmv::bench

int main(int argc, char** argv) { return glmv::bench::run(argc, argv); }
