#pragma once
// Which samples share a micro-batch. Samples of one micro-batch lie end to end and become separate
// sequences, so no attention crosses them.

#include <cstdint>
#include <span>
#include <vector>

namespace glmv::train {

// Best-fit-decreasing: bins of at most `capacity` tokens (0: one bin without limit), at least
// min(min_bins, number of samples) of them. A sample longer than `capacity` gets a bin of its own.
// Result: sample numbers per bin, ascending inside a bin, bins ordered by their first sample; no
// bin is empty. Deterministic.
std::vector<std::vector<int64_t>> pack(std::span<const int64_t> lengths, int64_t capacity,
                                       int64_t min_bins = 1);

}  // namespace glmv::train
