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
  kPaged,   // few queries behind a cache: our kernel, straight from the blocks
  kGather,  // many, or a device without the kernel: matrix products over a copy
};

Way way_of(const SequenceSlice& slice, const at::Tensor& q) {
  if (slice.cache == nullptr && slice.num_outputs == slice.num_tokens) return Way::kRun;
  // Up to the width of the kernels of the Linears, so that several tokens at once give the same
  // bits as one by one.
  const bool few = slice.cache != nullptr && slice.num_outputs <= kernels::kMaxGemvBatch;
  return few && tensor::takes_paged(q.scalar_type(), q.device(), q.size(2),
                                    slice.cache->pool().is_int8())
             ? Way::kPaged
             : Way::kGather;
}

at::Tensor attend_gathered(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const SequenceSlice& slice, int64_t layer, double scale) {
  // What is rounded to int8 is so for all that see it, whatever the chunks.
  if (slice.cache == nullptr || (slice.place() == 0 && !slice.cache->pool().is_int8())) {
    return tensor::attention_cached(q, k.transpose(0, 1), v.transpose(0, 1), scale);
  }
  const auto [keys, values] = slice.cache->gather(layer, slice.place() + slice.num_tokens);
  return tensor::attention_cached(q, keys, values, scale);
}

at::Tensor attend_paged(const at::Tensor& q, std::span<const SequenceSlice> slices, int64_t layer,
                        double scale) {
  const KvPool& pool = slices[0].cache->pool();
  std::vector<tensor::PagedRow> rows;
  for (const SequenceSlice& slice : slices) {
    const int64_t end = slice.place() + slice.num_tokens;
    for (int64_t length = end - slice.num_outputs + 1; length <= end; ++length) {
      rows.push_back({slice.cache->block_data().data(), length});
    }
  }
  return tensor::attention_paged(q,
                                 {.block_tokens = kBlockTokens,
                                  .kv_heads = pool.kv_heads(),
                                  .key_offset = pool.offset(layer, 0),
                                  .value_offset = pool.offset(layer, 1),
                                  .head_elements = pool.head_elements(),
                                  .int8 = pool.is_int8()},
                                 rows, scale);
}

// The rows of some neighbouring slices.
struct Rows {
  int64_t begin = 0, count = 0;
  void begin_next() {
    begin += count;
    count = 0;
  }
  // The usual case, all rows, needs no slice (whose gradient would be a zero-filled copy).
  at::Tensor of(const at::Tensor& t) const {
    return count == t.size(0) ? t : t.narrow(0, begin, count);
  }
};

}  // namespace

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::vector<SequenceSlice>& sequences, int64_t layer, double scale) {
  std::vector<at::Tensor> parts;
  Rows tokens, outputs;
  for (size_t i = 0; i < sequences.size();) {
    // Neighbours that go the same way go together.
    const Way way = way_of(sequences[i], q);
    tokens.begin_next();
    outputs.begin_next();
    std::vector<int64_t> lengths;
    size_t j = i;
    for (; j < sequences.size() && way_of(sequences[j], q) == way; ++j) {
      if (way == Way::kGather && j > i) break;
      const SequenceSlice& slice = sequences[j];
      const int64_t begin = tokens.begin + tokens.count;
      GLMV_CHECK(begin + slice.num_tokens <= k.size(0), "slices of more than {} rows", k.size(0));
      if (slice.cache != nullptr) {
        slice.cache->write(layer, slice.place(), k.narrow(0, begin, slice.num_tokens),
                           v.narrow(0, begin, slice.num_tokens));
      }
      lengths.push_back(slice.num_tokens);
      tokens.count += slice.num_tokens;
      outputs.count += slice.num_outputs;
    }
    const std::span slices = std::span(sequences).subspan(i, j - i);
    i = j;
    if (outputs.count == 0) continue;
    switch (way) {
      case Way::kRun:
        parts.push_back(tensor::attention_runs(outputs.of(q), tokens.of(k), tokens.of(v), lengths,
                                               true, scale));
        break;
      case Way::kPaged:
        parts.push_back(attend_paged(outputs.of(q), slices, layer, scale));
        break;
      case Way::kGather:
        parts.push_back(
            attend_gathered(outputs.of(q), tokens.of(k), tokens.of(v), slices[0], layer, scale));
        break;
    }
  }
  tokens.begin_next();
  outputs.begin_next();
  GLMV_CHECK(tokens.begin == k.size(0) && outputs.begin == q.size(0),
             "slices of {} tokens and {} outputs, but {} and {} rows", tokens.begin, outputs.begin,
             k.size(0), q.size(0));
  if (parts.empty()) return q;
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

}  // namespace glmv::model
