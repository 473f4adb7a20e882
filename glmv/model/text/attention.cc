#include "glmv/model/text/attention.h"

#include <ATen/ATen.h>

#include "glmv/base/check.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/ops.h"
#include "glmv/tensor/paged_attention.h"

namespace glmv::model {
namespace {

enum class Way {
  kRun,     // no cache
  kPaged,   // few tokens behind a cache: our kernel, straight from the blocks
  kGather,  // many, or a device without the kernel: matrix products over a copy
};

Way way_of(const SequenceSlice& slice, const at::Tensor& q) {
  if (slice.cache == nullptr) return Way::kRun;
  // Up to the width of the kernels of the Linears, so that several tokens at once give the same
  // bits as one by one.
  const bool few = slice.num_tokens <= kernels::kMaxGemvBatch;
  return few && tensor::takes_paged(q.scalar_type(), q.device(), q.size(2)) ? Way::kPaged
                                                                            : Way::kGather;
}

at::Tensor attend_gathered(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const SequenceSlice& slice, int64_t layer, double scale) {
  const KvCache& cache = *slice.cache;
  if (cache.length() == 0) {
    return tensor::attention_cached(q, k.transpose(0, 1), v.transpose(0, 1), scale);
  }
  const auto [keys, values] = cache.gather(layer, cache.length() + slice.num_tokens);
  return tensor::attention_cached(q, keys, values, scale);
}

at::Tensor attend_paged(const at::Tensor& q, std::span<const SequenceSlice> slices, int64_t layer,
                        double scale) {
  const KvPool& pool = slices[0].cache->pool();
  std::vector<tensor::PagedRow> rows;
  for (const SequenceSlice& slice : slices) {
    for (int64_t i = 1; i <= slice.num_tokens; ++i) {
      rows.push_back({slice.cache->block_data().data(), slice.cache->length() + i});
    }
  }
  return tensor::attention_paged(q,
                                 {.block_tokens = kBlockTokens,
                                  .kv_heads = pool.kv_heads(),
                                  .key_offset = pool.offset(layer, 0),
                                  .value_offset = pool.offset(layer, 1)},
                                 rows, scale);
}

}  // namespace

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::vector<SequenceSlice>& sequences, int64_t layer, double scale) {
  const int64_t n = q.size(0);
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (size_t i = 0; i < sequences.size();) {
    // Neighbours that go the same way go together.
    const Way way = way_of(sequences[i], q);
    std::vector<int64_t> lengths;
    int64_t rows = 0;
    size_t j = i;
    for (; j < sequences.size() && way_of(sequences[j], q) == way; ++j) {
      if (way == Way::kGather && j > i) break;
      const SequenceSlice& slice = sequences[j];
      GLMV_CHECK(begin + rows + slice.num_tokens <= n, "slices of more than {} rows", n);
      if (slice.cache != nullptr) {
        slice.cache->write(layer, k.narrow(0, begin + rows, slice.num_tokens),
                           v.narrow(0, begin + rows, slice.num_tokens));
      }
      lengths.push_back(slice.num_tokens);
      rows += slice.num_tokens;
    }
    // The usual case, all rows, needs no slice (whose gradient would be a zero-filled copy).
    const auto run = [&](const at::Tensor& t) { return rows == n ? t : t.narrow(0, begin, rows); };
    switch (way) {
      case Way::kRun:
        parts.push_back(tensor::attention_runs(run(q), run(k), run(v), lengths, true, scale));
        break;
      case Way::kPaged:
        parts.push_back(attend_paged(run(q), std::span(sequences).subspan(i, j - i), layer, scale));
        break;
      case Way::kGather:
        parts.push_back(attend_gathered(run(q), run(k), run(v), sequences[i], layer, scale));
        break;
    }
    begin += rows;
    i = j;
  }
  GLMV_CHECK(begin == n, "slices of {} tokens, but {} rows", begin, n);
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

}  // namespace glmv::model
