#include "bench/kernels/weights_for_bench.h"

#include <ATen/ATen.h>

#include <bit>

#include "glmv/base/random.h"

namespace glmv::bench {

using kernels::PackedShape;

at::Tensor random_packed(const PackedShape& shape) {
  Random random(1);
  const at::Tensor packed = at::empty({shape.num_bytes()}, at::kByte);
  auto* bytes = static_cast<std::byte*>(packed.mutable_data_ptr());
  std::vector<uint8_t> q(kernels::kPackRows * shape.in);
  const std::vector<uint8_t> zeros(kernels::kPackRows * shape.num_groups(),
                                   shape.bits == 4 ? 8 : 128);
  const std::vector<float> scales(zeros.size(), 0.01f);
  for (uint8_t& value : q) value = static_cast<uint8_t>(random.below(1 << shape.bits));
  for (int64_t b = 0; b < shape.num_row_blocks(); ++b) {
    kernels::pack_rows(shape, kernels::kPackRows, q.data(), scales.data(), zeros.data(),
                       bytes + b * shape.row_block_bytes());
  }
  return packed;
}

RowsForBench::RowsForBench(const PackedShape& shape, int64_t num_rows) : num_rows_(num_rows) {
  Random random(2);
  const int64_t rows = (num_rows + 15) / 16 * 16;  // whole tiles
  const int64_t groups = shape.num_groups();
  x_.resize(rows * shape.in);
  x_sums_.resize(rows * groups);
  scales_.resize(rows * groups);
  q_.resize(rows * shape.in);
  sums_.resize(rows * groups);
  halves_.resize(rows * shape.in);
  for (int64_t i = 0; i < rows * shape.in; ++i) {
    x_[i] = static_cast<float>(random.normal());
    halves_[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(x_[i]) >> 16);
  }
  for (int64_t r = 0; r < rows; ++r) {
    kernels::kernels().quantize_row(shape, &x_[r * shape.in], &q_[r * shape.in],
                                    &scales_[r * groups], &sums_[r * groups]);
    for (int64_t i = 0; i < shape.in; ++i) {
      x_sums_[r * groups + i / shape.group] += x_[r * shape.in + i];
    }
  }
}

}  // namespace glmv::bench
