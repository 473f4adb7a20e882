#include "glmv/quant/operands.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "glmv/base/check.h"
#include "glmv/base/every_isa.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::quant {
namespace {

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileLine = 64;  // bytes of a row in a tile
constexpr int64_t kRowsPerTask = 4;

int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

bool is_int8(Layout layout) { return layout == Layout::kInt8 || layout == Layout::kInt8Tiles; }
bool is_tiles(Layout layout) {
  return layout == Layout::kInt8Tiles || layout == Layout::kBf16Tiles ||
         layout == Layout::kPairTiles;
}
bool has_float_sums(Layout layout) {
  return layout == Layout::kFloat || layout == Layout::kBf16Tiles;
}
int64_t element_bytes(Layout layout) {
  return is_int8(layout) ? 1 : layout == Layout::kFloat ? 4 : 2;
}

template <class T>
const T* data(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}
template <class T>
T* mutable_data(at::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// Groups of a row padded with zeros, and their sums.
GLMV_EVERY_ISA void pad_groups(const float* x, int64_t groups, int64_t group, int64_t padded,
                               float* y, float* sums) {
  constexpr int64_t kLanes = 16;
  for (int64_t g = 0; g < groups; ++g, x += group, y += padded) {
    float lanes[kLanes] = {};
    int64_t k = 0;
    for (; k + kLanes <= group; k += kLanes) {
      for (int64_t j = 0; j < kLanes; ++j) {
        y[k + j] = x[k + j];
        lanes[j] += x[k + j];
      }
    }
    float sum = 0;
    for (; k < group; ++k) sum += y[k] = x[k];
    for (; k < padded; ++k) y[k] = 0;
    for (const float lane : lanes) sum += lane;
    sums[g] = sum;
  }
}

// One tile of 16 rows after the other: rows[r] [bytes] -> [bytes / 64][16][64].
void copy_tiles(const std::byte* const* rows, int64_t bytes, std::byte* to) {
  for (int64_t k = 0; k < bytes; k += kTileLine) {
    for (int64_t r = 0; r < kTileRows; ++r, to += kTileLine) {
      std::memcpy(to, rows[r] + k, kTileLine);
    }
  }
}

// rows[r] [words] -> [words][16].
GLMV_EVERY_ISA void transpose_words(const uint32_t* const* rows, int64_t words, uint32_t* to) {
  for (int64_t k = 0; k < words; ++k, to += kTileRows) {
    for (int64_t r = 0; r < kTileRows; ++r) to[r] = rows[r][k];
  }
}

// Up to 16 rows as a layout has them, those that do not exist 0 in tiles.
void copy_rows(Layout layout, const std::byte* const* rows, int64_t n, int64_t row_bytes,
               std::byte* to) {
  if (layout == Layout::kPairTiles) {
    transpose_words(reinterpret_cast<const uint32_t* const*>(rows), row_bytes / 4,
                    reinterpret_cast<uint32_t*>(to));
  } else if (is_tiles(layout)) {
    copy_tiles(rows, row_bytes, to);
  } else {
    for (int64_t r = 0; r < n; ++r) std::memcpy(to + r * row_bytes, rows[r], row_bytes);
  }
}

}  // namespace

Operands::Operands(const at::Tensor& x, std::span<const OperandRun> runs,
                   std::span<const int32_t> sources) {
  views_.resize(runs.size());
  if (runs.empty()) return;
  prepare(x, runs);
  gather(runs, sources);
}

void Operands::prepare(const at::Tensor& x, std::span<const OperandRun> runs) {
  const auto wants = [&](const auto& suits) {
    return std::ranges::any_of(runs, [&](const OperandRun& run) { return suits(run.spec.layout); });
  };
  const OperandSpec& spec = runs.front().spec;
  const int64_t n = x.size(0), groups = spec.num_groups(), padded_in = spec.padded_in();
  const bool floats = wants([](Layout layout) { return layout == Layout::kFloat; });
  const bool sums = groups > 0 && wants(has_float_sums);
  const bool bytes = wants(is_int8);
  at::Tensor x32;
  if (floats || bytes || sums) x32 = x.to(at::kFloat).contiguous();
  if (bytes) {
    const kernels::PackedShape shape = {.in = spec.in, .group = spec.group};
    int8_ = at::empty({n, padded_in}, at::kChar);
    int8_scales_ = at::empty({n, groups}, at::kFloat);
    int8_sums_ = at::empty({n, groups}, at::kInt);
    auto* q = mutable_data<int8_t>(int8_);
    auto* scales = mutable_data<float>(int8_scales_);
    auto* row_sums = mutable_data<int32_t>(int8_sums_);
    at::parallel_for(0, n, kRowsPerTask, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        kernels::kernels().quantize_row(shape, data<float>(x32) + r * spec.in, q + r * padded_in,
                                        scales + r * groups, row_sums + r * groups);
      }
    });
  }
  if (floats) float_ = x32;
  if (sums) {
    if (floats) float_ = at::empty({n, padded_in}, at::kFloat);
    float_sums_ = at::empty({n, groups}, at::kFloat);
    auto* y = floats ? mutable_data<float>(float_) : nullptr;
    auto* row_sums = mutable_data<float>(float_sums_);
    at::parallel_for(0, n, kRowsPerTask, [&](int64_t begin, int64_t end) {
      std::vector<float> unused(floats ? 0 : padded_in);
      for (int64_t r = begin; r < end; ++r) {
        pad_groups(data<float>(x32) + r * spec.in, groups, spec.group, padded_in / groups,
                   floats ? y + r * padded_in : unused.data(), row_sums + r * groups);
      }
    });
  }
  if (wants([](Layout layout) { return !is_int8(layout) && layout != Layout::kFloat; })) {
    GLMV_CHECK(x.scalar_type() == at::kBFloat16, "bf16 operands of {} rows", n);
    bf16_ = x.contiguous();
    if (const int64_t more = padded_in - spec.in; more > 0) {
      bf16_ = at::constant_pad_nd(bf16_.view({n, groups, spec.group}), {0, more / groups})
                  .view({n, padded_in});
    }
  }
}

const at::Tensor& Operands::rows_of(Layout layout) const {
  return is_int8(layout) ? int8_ : layout == Layout::kFloat ? float_ : bf16_;
}

bool Operands::view_rows(const OperandRun& run, int64_t first, Operand& view) const {
  const Layout layout = run.spec.layout;
  if (is_tiles(layout)) return false;
  const int64_t groups = run.spec.num_groups();
  view.x = data<std::byte>(rows_of(layout)) + first * run.spec.padded_in() * element_bytes(layout);
  if (layout == Layout::kInt8) {
    view.scales = data<float>(int8_scales_) + first * groups;
    view.sums = data<int32_t>(int8_sums_) + first * groups;
  } else if (layout == Layout::kFloat && groups > 0) {
    view.sums = data<float>(float_sums_) + first * groups;
  }
  return true;
}

void Operands::gather(std::span<const OperandRun> runs, std::span<const int32_t> sources) {
  const auto source_of = [&](int64_t i) { return sources.empty() ? i : int64_t{sources[i]}; };
  const int64_t groups = runs.front().spec.num_groups();
  const int64_t padded_in = runs.front().spec.padded_in();
  struct Task {  // 16 rows of a run
    size_t run;
    int64_t row;
  };
  std::vector<Task> tasks;
  std::vector<int64_t> first_byte(runs.size()), first_row(runs.size());
  int64_t num_bytes = 0, num_rows = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    const OperandRun& run = runs[i];
    views_[i] = {.layout = run.spec.layout, .num_rows = run.num_rows};
    if (run.num_rows == 0) continue;
    const int64_t first = source_of(run.first);
    bool consecutive = true;
    for (int64_t r = 1; consecutive && r < run.num_rows; ++r) {
      consecutive = source_of(run.first + r) == first + r;
    }
    if (consecutive && view_rows(run, first, views_[i])) continue;
    const int64_t padded_rows = round_up(run.num_rows, kTileRows);
    first_byte[i] = num_bytes;
    first_row[i] = num_rows;
    num_bytes += round_up(padded_rows * padded_in * element_bytes(run.spec.layout), kTileLine);
    num_rows += padded_rows;
    for (int64_t r = 0; r < run.num_rows; r += kTileRows) tasks.push_back({i, r});
  }
  if (tasks.empty()) return;
  gathered_ = at::empty({num_bytes}, at::kByte);
  gathered_scales_ = at::empty({num_rows * groups}, at::kFloat);
  gathered_sums_ = at::empty({num_rows * groups}, at::kInt);  // or fp32
  auto* bytes = mutable_data<std::byte>(gathered_);
  auto* scales = mutable_data<uint32_t>(gathered_scales_);
  auto* sums = mutable_data<uint32_t>(gathered_sums_);
  for (const auto& [i, row] : tasks) {
    if (row > 0) continue;
    views_[i].x = bytes + first_byte[i];
    views_[i].scales = reinterpret_cast<const float*>(scales + first_row[i] * groups);
    views_[i].sums = sums + first_row[i] * groups;
  }
  const std::vector<std::byte> zeros(padded_in * 2);
  at::parallel_for(0, static_cast<int64_t>(tasks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const auto [i, row] = tasks[t];
      const OperandRun& run = runs[i];
      const Layout layout = run.spec.layout;
      const int64_t row_bytes = padded_in * element_bytes(layout);
      const std::byte* rows[kTileRows];
      int64_t ids[kTileRows];  // of the rows; -1: does not exist
      for (int64_t r = 0; r < kTileRows; ++r) {
        ids[r] = row + r < run.num_rows ? source_of(run.first + row + r) : -1;
        rows[r] = ids[r] < 0 ? zeros.data() : data<std::byte>(rows_of(layout)) + ids[r] * row_bytes;
      }
      copy_rows(layout, rows, std::min(kTileRows, run.num_rows - row), row_bytes,
                bytes + first_byte[i] + row * row_bytes);
      const int64_t at = first_row[i] * groups;
      // Of a row all groups side by side; in tiles of a group all rows.
      const int64_t of_group = is_tiles(layout) ? round_up(run.num_rows, kTileRows) : 1;
      const int64_t of_row = is_tiles(layout) ? 1 : groups;
      const auto spread = [&](const at::Tensor& from, uint32_t* to) {
        for (int64_t r = 0; r < kTileRows; ++r) {
          for (int64_t g = 0; g < groups; ++g) {
            to[at + (row + r) * of_row + g * of_group] =
                ids[r] < 0 ? 0 : data<uint32_t>(from)[ids[r] * groups + g];
          }
        }
      };
      if (is_int8(layout)) {
        spread(int8_scales_, scales);
        spread(int8_sums_, sums);
      } else if (has_float_sums(layout) && groups > 0) {
        spread(float_sums_, sums);
      }
    }
  });
}

}  // namespace glmv::quant
