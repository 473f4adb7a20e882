#include "glmv/train/packing.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace glmv::train {

std::vector<std::vector<int64_t>> pack(std::span<const int64_t> lengths, int64_t capacity,
                                       int64_t min_bins) {
  const int64_t n = static_cast<int64_t>(lengths.size());
  if (n == 0) return {};
  if (capacity <= 0) capacity = std::numeric_limits<int64_t>::max();

  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return lengths[a] > lengths[b]; });

  struct Bin {
    std::vector<int64_t> samples;
    int64_t used = 0;
  };
  std::vector<Bin> bins(std::clamp<int64_t>(min_bins, 1, n));
  for (int64_t sample : order) {
    const int64_t length = lengths[sample];
    Bin* best = nullptr;
    for (Bin& bin : bins) {
      const bool fits = bin.samples.empty() || length <= capacity - bin.used;
      if (!fits) continue;
      // Bins asked for by min_bins are filled evenly (emptiest first); with a limit alone, the
      // fullest bin that still has room wins.
      const bool better =
          best == nullptr || (min_bins > 1 ? bin.used < best->used : bin.used > best->used);
      if (better) best = &bin;
    }
    if (best == nullptr) best = &bins.emplace_back();
    best->samples.push_back(sample);
    best->used += length;
  }

  std::vector<std::vector<int64_t>> result;
  for (Bin& bin : bins) {
    std::ranges::sort(bin.samples);
    result.push_back(std::move(bin.samples));
  }
  std::ranges::sort(result, {}, [](const std::vector<int64_t>& bin) { return bin.front(); });
  return result;
}

}  // namespace glmv::train
