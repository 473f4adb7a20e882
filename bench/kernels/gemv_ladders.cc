// Few rows times a weight of 13,696 x 4,096, as decoding has them. Weights lie in several copies
// that take turns, so that no cache holds them, in 2 MiB pages.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bench/kernels/ladder.h"
#include "bench/kernels/weights_for_bench.h"
#include "glmv/base/mmap.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/ops.h"

namespace glmv::bench {
namespace {

using kernels::KernelTable;
using kernels::PackedShape;

constexpr int64_t kOut = 13696;
constexpr int64_t kIn = 4096;
constexpr int64_t kTotalBytes = int64_t{640} << 20;
// Of the outputs, for the fp64 loops.
constexpr int64_t kReferenceRows = 64;

// Copies of one weight, in turn.
class Copies {
 public:
  explicit Copies(const at::Tensor& weight)
      : bytes_(static_cast<int64_t>(weight.nbytes())),
        count_(std::max<int64_t>(1, kTotalBytes / bytes_)),
        store_(at::empty({count_, bytes_}, at::kByte)) {
    advise_huge_pages(store_.mutable_data_ptr(), store_.nbytes());
    const at::Tensor flat = at::from_blob(weight.mutable_data_ptr(), {1, bytes_}, at::kByte);
    store_.copy_(flat.expand({count_, bytes_}));
  }
  const std::byte* next() {
    turn_ = (turn_ + 1) % count_;
    return static_cast<const std::byte*>(store_.const_data_ptr()) + turn_ * bytes_;
  }
  at::Tensor next_like(const at::Tensor& weight) {
    return at::from_blob(const_cast<std::byte*>(next()), weight.sizes(), weight.options());
  }

 private:
  int64_t bytes_;
  int64_t count_;
  at::Tensor store_;
  int64_t turn_ = 0;
};

// work(first output, last) on all threads, in stretches of 64.
template <class Work>
void on_outputs(int64_t out, const Work& work) {
  at::parallel_for(0, out / 64, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) work(b * 64, (b + 1) * 64);
  });
}

// The rungs of our own: `product(table, weight, first, last)` computes those outputs, `next()` is
// the weight of the next run.
template <class Next, class Product>
void add_own(Ladder& ladder, const Next& next, const Product& product) {
  ladder.rungs.push_back(
      {"reference",
       [next, product] { product(kernels::reference_kernels(), next(), 0, kReferenceRows); },
       double(kReferenceRows) / kOut});
  for (auto row = kernels::isa_rows().rbegin(); row != kernels::isa_rows().rend(); ++row) {
    if (!row->supported) continue;
    const KernelTable* table = row->table;
    ladder.rungs.push_back(
        {table->isa == "scalar" ? "simple" : std::string(table->isa), [next, product, table] {
           const std::byte* w = next();
           on_outputs(kOut, [&](int64_t first, int64_t last) { product(*table, w, first, last); });
         }});
  }
}

Ladder bf16(int64_t rows) {
  Ladder ladder{.bytes = 2.0 * kOut * kIn, .operations = 2.0 * rows * kOut * kIn};
  const at::Tensor weight = at::randn({kOut, kIn}, at::kBFloat16);
  const at::Tensor x = at::randn({rows, kIn}, at::kBFloat16);
  const auto copies = std::make_shared<Copies>(weight);
  const auto y = std::make_shared<std::vector<float>>(rows * kOut);
  const auto next = [copies] { return copies->next(); };
  add_own(ladder, next,
          [=](const KernelTable& table, const std::byte* w, int64_t first, int64_t last) {
            const auto* px = static_cast<const uint16_t*>(x.const_data_ptr());
            for (int64_t r = 0; r < rows; r += kernels::kMaxGemvBatch) {
              const auto n = static_cast<int>(std::min<int64_t>(kernels::kMaxGemvBatch, rows - r));
              table.gemv_bf16(reinterpret_cast<const uint16_t*>(w), first, last, kIn, px + r * kIn,
                              n, y->data() + r * kOut + first, kOut);
            }
          });
  ladder.rungs.push_back({"ATen linear", [=] { at::linear(x, copies->next_like(weight)); }});
  return ladder;
}

Ladder packed(int bits, bool integer, int64_t rows) {
  const PackedShape shape = {.out = kOut, .in = kIn, .group = bits == 4 ? 128 : kIn, .bits = bits};
  const at::Tensor weight = random_packed(shape);
  Ladder ladder{.bytes = double(weight.nbytes()), .operations = 2.0 * rows * kOut * kIn};
  const auto copies = std::make_shared<Copies>(weight);
  const auto x = std::make_shared<RowsForBench>(shape, rows);
  const auto y = std::make_shared<std::vector<float>>(rows * kOut);
  const auto next = [copies] { return copies->next(); };
  add_own(ladder, next,
          [=](const KernelTable& table, const std::byte* w, int64_t first, int64_t last) {
            const int64_t begin = first / kernels::kPackRows, end = last / kernels::kPackRows;
            if (integer) {
              table.packed_int8(shape, w, begin, end, x->int8(), y->data(), kOut);
            } else {
              table.packed_float(shape, w, begin, end, x->floats(), y->data(), kOut);
            }
          });
  const at::Tensor xb = at::randn({rows, kIn}, at::kBFloat16);
  if (bits == 8) {
    const at::Tensor w8 = at::randint(-127, 127, {kOut, kIn}, at::kChar);
    const at::Tensor scales = at::rand({kOut}, at::kBFloat16);
    const auto others = std::make_shared<Copies>(w8);
    ladder.rungs.push_back(
        {"ATen int8pack", [=] { at::_weight_int8pack_mm(xb, others->next_like(w8), scales); }});
  } else {
    const at::Tensor w4 =
        at::_convert_weight_to_int4pack_for_cpu(at::randint(0, 15, {kOut, kIn}, at::kInt), 1);
    const at::Tensor scales = at::rand({kIn / 128, kOut, 2}, at::kBFloat16);
    const auto others = std::make_shared<Copies>(w4);
    ladder.rungs.push_back(
        {"ATen int4pack",
         [=] { at::_weight_int4pack_mm_for_cpu(xb, others->next_like(w4), 128, scales); }});
  }
  return ladder;
}

Ladder fp8(int64_t rows) {
  Ladder ladder{.bytes = 1.0 * kOut * kIn, .operations = 2.0 * rows * kOut * kIn};
  const at::Tensor weight = at::randn({kOut, kIn}).to(at::kFloat8_e4m3fn);
  const at::Tensor scales = at::rand({kOut, kIn / 128});
  const at::Tensor x = at::randn({rows, kIn});
  const auto copies = std::make_shared<Copies>(weight);
  const auto y = std::make_shared<std::vector<float>>(rows * kOut);
  const auto next = [copies] { return copies->next(); };
  add_own(ladder, next,
          [=](const KernelTable& table, const std::byte* w, int64_t first, int64_t last) {
            const kernels::Fp8Matrix matrix = {reinterpret_cast<const uint8_t*>(w),
                                               scales.const_data_ptr<float>(), kIn, 128};
            table.fp8_product(matrix, first, last, x.const_data_ptr<float>(), rows,
                              y->data() + first, kOut);
          });
  const at::Tensor xb = x.to(at::kBFloat16);
  const at::Tensor column = at::rand({kOut, 1}, at::kBFloat16);
  ladder.rungs.push_back(
      {"ATen to bf16, linear",
       [=] { at::linear(xb, copies->next_like(weight).to(at::kBFloat16).mul_(column)); }});
  return ladder;
}

Ladder fp8_decode() {
  Ladder ladder{.bytes = 3.0 * kOut * kIn, .operations = 1.0 * kOut * kIn};
  const at::Tensor weight = at::randn({kOut, kIn}).to(at::kFloat8_e4m3fn);
  const at::Tensor out = at::empty({kOut, kIn}, at::kBFloat16);
  const auto next = [weight] { return static_cast<const std::byte*>(weight.const_data_ptr()); };
  add_own(
      ladder, next, [=](const KernelTable& table, const std::byte* w, int64_t first, int64_t last) {
        table.fp8_to_bf16(reinterpret_cast<const uint8_t*>(w) + first * kIn, (last - first) * kIn,
                          1.0f, static_cast<uint16_t*>(out.mutable_data_ptr()) + first * kIn);
      });
  ladder.rungs.push_back({"ATen to bf16", [=] { out.copy_(weight); }});
  return ladder;
}

}  // namespace

std::vector<NamedLadder> gemv_ladders() {
  std::vector<NamedLadder> all;
  for (const int64_t rows : {1, 4, 16}) {
    const auto name = [rows](const char* kind) {
      return fmt::format("gemv {}, rows {}", kind, rows);
    };
    all.push_back({name("bf16"), [rows] { return bf16(rows); }});
    all.push_back({name("int8, int8 activations"), [rows] { return packed(8, true, rows); }});
    all.push_back({name("int4, int8 activations"), [rows] { return packed(4, true, rows); }});
    all.push_back({name("int4, fp32 activations"), [rows] { return packed(4, false, rows); }});
    all.push_back({name("fp8"), [rows] { return fp8(rows); }});
  }
  all.push_back({"fp8 to bf16", fp8_decode});
  return all;
}

}  // namespace glmv::bench
