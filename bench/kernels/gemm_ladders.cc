// 512 rows times a weight of 13,696 x 4,096, as prefill has them.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <memory>

#include "bench/kernels/ladder.h"
#include "bench/kernels/weights_for_bench.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::bench {
namespace {

using kernels::KernelTable;
using kernels::PackedShape;

constexpr int64_t kRows = 512;
constexpr int64_t kOut = 13696;
constexpr int64_t kIn = 4096;
constexpr double kOperations = 2.0 * kRows * kOut * kIn;

// Of all blocks of 32 outputs: slow rungs do a few, the others an eighth.
constexpr int64_t kBlocks = kOut / kernels::kPackRows;
constexpr int64_t kSlowBlocks = 1;
constexpr int64_t kSomeBlocks = kBlocks / 4;

template <class Product>
Rung rung(std::string name, int64_t blocks, const Product& product) {
  return {std::move(name),
          [blocks, product] {
            at::parallel_for(0, blocks, 1,
                             [&](int64_t begin, int64_t end) { product(begin, end); });
          },
          double(blocks) / kBlocks};
}

Ladder packed(int bits, bool integer) {
  const PackedShape shape = {.out = kOut, .in = kIn, .group = bits == 4 ? 128 : kIn, .bits = bits};
  const at::Tensor weight = random_packed(shape);
  const auto x = std::make_shared<RowsForBench>(shape, kRows);
  const auto y = std::make_shared<std::vector<float>>(kRows * kOut);
  Ladder ladder{.bytes = double(weight.nbytes()),
                .operations = kOperations,
                .limit = integer ? Limit::kInt8 : Limit::kBf16};
  // As few rows have it, which is all that the first two rungs know.
  const auto few = [=](const KernelTable& table) {
    return [=, &table](int64_t begin, int64_t end) {
      const auto* w = static_cast<const std::byte*>(weight.const_data_ptr());
      if (integer) {
        table.packed_int8(shape, w, begin, end, x->int8(), y->data(), kOut);
      } else {
        table.packed_float(shape, w, begin, end, x->floats(), y->data(), kOut);
      }
    };
  };
  ladder.rungs.push_back(rung("reference", kSlowBlocks, few(kernels::reference_kernels())));
  for (auto row = kernels::isa_rows().rbegin(); row != kernels::isa_rows().rend(); ++row) {
    if (!row->supported) continue;
    const KernelTable* table = row->table;
    if (table->isa == "scalar") {
      ladder.rungs.push_back(rung("simple", kSlowBlocks, few(*table)));
      continue;
    }
    const std::string name(table->isa);
    ladder.rungs.push_back(rung(name + " few rows", kSomeBlocks, few(*table)));
    if (table->tiles == nullptr || (!integer && table->tiles->bf16 == nullptr)) continue;
    ladder.rungs.push_back(rung(name, kSomeBlocks, [=](int64_t begin, int64_t end) {
      const auto* w = static_cast<const std::byte*>(weight.const_data_ptr());
      if (integer) {
        table->tiles->int8(shape, w, begin, end, x->int8_tiles(), {y->data(), false, kOut});
      } else {
        table->tiles->bf16(shape, w, begin, end, x->bf16_tiles(), {y->data(), false, kOut});
      }
    }));
  }
  const at::Tensor xb = at::randn({kRows, kIn}, at::kBFloat16);
  if (bits == 8 && integer) {
    const at::Tensor w8 = at::randint(-127, 127, {kOut, kIn}, at::kChar).t();
    const at::Tensor x8 = at::randint(-127, 127, {kRows, kIn}, at::kChar);
    ladder.rungs.push_back({"ATen int_mm", [=] { at::_int_mm(x8, w8); }});
  } else if (bits == 8) {
    const at::Tensor w8 = at::randint(-127, 127, {kOut, kIn}, at::kChar);
    const at::Tensor scales = at::rand({kOut}, at::kBFloat16);
    ladder.rungs.push_back({"ATen int8pack", [=] { at::_weight_int8pack_mm(xb, w8, scales); }});
  } else {
    const at::Tensor w4 =
        at::_convert_weight_to_int4pack_for_cpu(at::randint(0, 15, {kOut, kIn}, at::kInt), 1);
    const at::Tensor scales = at::rand({kIn / 128, kOut, 2}, at::kBFloat16);
    ladder.rungs.push_back(
        {"ATen int4pack", [=] { at::_weight_int4pack_mm_for_cpu(xb, w4, 128, scales); }});
  }
  return ladder;
}

// No kernel of ours: oneDNN's is at the limit.
Ladder bf16() {
  Ladder ladder{.bytes = 2.0 * kOut * kIn, .operations = kOperations, .limit = Limit::kBf16};
  const at::Tensor weight = at::randn({kOut, kIn}, at::kBFloat16);
  const at::Tensor x = at::randn({kRows, kIn}, at::kBFloat16);
  ladder.rungs.push_back({"ATen linear", [=] { at::linear(x, weight); }});
  return ladder;
}

}  // namespace

std::vector<NamedLadder> gemm_ladders() {
  return {{"gemm bf16, rows 512", bf16},
          {"gemm int8, int8 activations, rows 512", [] { return packed(8, true); }},
          {"gemm int4, int8 activations, rows 512", [] { return packed(4, true); }},
          {"gemm int8, bf16 activations, rows 512", [] { return packed(8, false); }},
          {"gemm int4, bf16 activations, rows 512", [] { return packed(4, false); }}};
}

}  // namespace glmv::bench
