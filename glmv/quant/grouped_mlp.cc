#include "glmv/quant/grouped_mlp.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "glmv/base/check.h"
#include "glmv/base/every_isa.h"
#include "glmv/tensor/fused_ops.h"

namespace glmv::quant {
namespace {

// Tokens of one expert that share a buffer of results.
constexpr int64_t kMaxRunRows = 512;
// Output rows that a task takes at most, in bytes of its results: they stay in the second-level
// cache.
constexpr int64_t kResultBytes = int64_t{1} << 19;
constexpr int64_t kTasksPerThread = 4;

// Which tokens go to which expert. A slot is one choice of a token; slots lie expert by expert,
// those of an expert in the order of the tokens.
struct Plan {
  struct Run {
    int64_t expert;
    int64_t first;  // slot
    int64_t num_rows;
    int64_t of_expert;  // rows of all its runs
  };
  std::vector<int32_t> token;     // of a slot
  std::vector<float> weight;      // of a slot
  std::vector<Run> runs;          // by expert
  std::vector<size_t> first_run;  // of each expert that has tokens, and the total

  size_t num_active() const { return first_run.size() - 1; }
};

Plan plan_of(const at::Tensor& indices, const at::Tensor& weights, int64_t num_experts) {
  const at::Tensor chosen = indices.contiguous(), w = weights.to(at::kFloat).contiguous();
  const int64_t top_k = chosen.size(1), num_slots = chosen.numel();
  const auto* ids = chosen.const_data_ptr<int64_t>();
  const auto* factors = w.const_data_ptr<float>();
  std::vector<int64_t> next(num_experts + 1);
  for (int64_t i = 0; i < num_slots; ++i) {
    GLMV_CHECK(ids[i] >= 0 && ids[i] < num_experts, "expert {} of {}", ids[i], num_experts);
    ++next[ids[i] + 1];
  }
  for (int64_t e = 0; e < num_experts; ++e) next[e + 1] += next[e];
  Plan plan;
  for (int64_t e = 0; e < num_experts; ++e) {
    const int64_t rows = next[e + 1] - next[e];
    if (rows > 0) plan.first_run.push_back(plan.runs.size());
    for (int64_t r = 0; r < rows; r += kMaxRunRows) {
      plan.runs.push_back({e, next[e] + r, std::min(kMaxRunRows, rows - r), rows});
    }
  }
  plan.first_run.push_back(plan.runs.size());
  plan.token.resize(num_slots);
  plan.weight.resize(num_slots);
  for (int64_t i = 0; i < num_slots; ++i) {
    const int64_t slot = next[ids[i]]++;
    plan.token[slot] = static_cast<int32_t>(i / top_k);
    plan.weight[slot] = factors[i];
  }
  return plan;
}

// work(task) for all tasks on all threads, whoever is free takes the next.
template <class MakeWork>
void for_tasks(int64_t num_tasks, const MakeWork& make_work) {
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), num_tasks), 1,
                   [&](int64_t, int64_t) {
                     auto work = make_work();
                     for (int64_t task; (task = next.fetch_add(1)) < num_tasks;) work(task);
                   });
}

// Columns of `out` in a task: few enough for the buffer and to keep all threads busy to the end.
int64_t columns_per_task(int64_t out, int64_t rows, int64_t tasks_of_others) {
  const int64_t steps = (out + kRangeStep - 1) / kRangeStep;
  const int64_t most = kResultBytes / (std::max<int64_t>(rows, 1) * kRangeStep * 4);
  const int64_t wanted = at::get_num_threads() * kTasksPerThread;
  const int64_t fair = steps * tasks_of_others / wanted;
  return std::clamp<int64_t>(std::min(most, fair), 1, std::min<int64_t>(steps, 8)) * kRangeStep;
}

int64_t longest_run(const Plan& plan) {
  int64_t rows = 0;
  for (const Plan::Run& run : plan.runs) rows = std::max(rows, run.num_rows);
  return rows;
}

std::vector<OperandRun> operand_runs(const Plan& plan, std::span<const GroupedExpert> experts,
                                     const RangeProduct* GroupedExpert::* which,
                                     at::ScalarType dtype) {
  std::vector<OperandRun> runs;
  for (const Plan::Run& run : plan.runs) {
    const RangeProduct& weight = *(experts[run.expert].*which);
    runs.push_back({weight.operand(run.of_expert, dtype), run.first, run.num_rows});
  }
  return runs;
}

// silu(gate x) * up x of all slots [slots, width], in x's dtype.
at::Tensor hidden_of(const Plan& plan, std::span<const GroupedExpert> experts,
                     const at::Tensor& x) {
  const RangeProduct& first = *experts[0].gate;
  const int64_t width = first.out();
  const at::ScalarType dtype = x.scalar_type();
  const Operands rows(x, operand_runs(plan, experts, &GroupedExpert::gate, dtype), plan.token);
  at::Tensor hidden = at::empty({static_cast<int64_t>(plan.token.size()), width}, x.options());
  auto* half = dtype == at::kBFloat16 ? static_cast<uint16_t*>(hidden.mutable_data_ptr()) : nullptr;
  auto* whole = half == nullptr ? hidden.mutable_data_ptr<float>() : nullptr;
  const int64_t longest = longest_run(plan);
  const auto num_active = static_cast<int64_t>(plan.num_active());
  const int64_t columns = columns_per_task(width, longest, num_active);
  const int64_t tasks_each = (width + columns - 1) / columns;
  for_tasks(num_active * tasks_each, [&] {
    std::vector<float> gate(longest * columns), up(longest * columns);
    return [&, gate, up](int64_t task) mutable {
      const int64_t active = task / tasks_each;
      const int64_t begin = task % tasks_each * columns;
      const int64_t end = std::min(begin + columns, width);
      for (size_t i = plan.first_run[active]; i < plan.first_run[active + 1]; ++i) {
        const Plan::Run& run = plan.runs[i];
        const GroupedExpert& expert = experts[run.expert];
        expert.gate->multiply(rows[i], begin, end, gate.data(), columns);
        expert.up->multiply(rows[i], begin, end, up.data(), columns);
        for (int64_t r = 0; r < run.num_rows; ++r) {
          const int64_t to = (run.first + r) * width + begin;
          const float* g = &gate[r * columns];
          const float* u = &up[r * columns];
          if (half != nullptr) {
            tensor::swiglu_row(g, u, end - begin, half + to);
          } else {
            tensor::swiglu_row(g, u, end - begin, whole + to);
          }
        }
      }
    };
  });
  return hidden;
}

GLMV_EVERY_ISA void add_scaled(const float* x, float factor, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

}  // namespace

at::Tensor grouped_mlp(std::span<const GroupedExpert> experts, const at::Tensor& x_in,
                       const at::Tensor& indices, const at::Tensor& weights) {
  const int64_t out = experts[0].down->out();
  at::Tensor y = at::empty({x_in.size(0), out}, x_in.options().dtype(at::kFloat));
  if (x_in.size(0) == 0) return y;
  const Plan plan = plan_of(indices, weights, static_cast<int64_t>(experts.size()));
  const at::Tensor x = x_in.contiguous();
  const at::Tensor hidden = hidden_of(plan, experts, x);
  const Operands rows(hidden, operand_runs(plan, experts, &GroupedExpert::down, x.scalar_type()));
  const int64_t longest = longest_run(plan);
  const int64_t columns = columns_per_task(out, longest, 1);
  auto* py = y.mutable_data_ptr<float>();
  // A task owns columns of y and adds the experts in their order.
  for_tasks((out + columns - 1) / columns, [&] {
    std::vector<float> products(longest * columns);
    return [&, products](int64_t task) mutable {
      const int64_t begin = task * columns;
      const int64_t end = std::min(begin + columns, out);
      for (int64_t n = 0; n < y.size(0); ++n) std::fill_n(py + n * out + begin, end - begin, 0.0f);
      for (size_t i = 0; i < plan.runs.size(); ++i) {
        const Plan::Run& run = plan.runs[i];
        experts[run.expert].down->multiply(rows[i], begin, end, products.data(), columns);
        for (int64_t r = 0; r < run.num_rows; ++r) {
          const int64_t slot = run.first + r;
          add_scaled(&products[r * columns], plan.weight[slot], end - begin,
                     py + plan.token[slot] * out + begin);
        }
      }
    };
  });
  return y;
}

}  // namespace glmv::quant
