#pragma once
// Results of `glmv bench --json`, or of a peer in the same form, beside the present run.

#include <string>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::app {

// A file of --compare: its name without folder and ending, and the results in it.
struct BenchResults {
  std::string name;
  std::vector<Json> records;
};

// Reads a file that holds one result or a list of them. not_found, invalid_argument for what is no
// result, naming the file and the key.
Result<BenchResults> read_bench_results(const std::string& path);

// Figures of `other` that were measured at a size (prompt, context, picture) that `present` has as
// well: [{figure, unit, this_best, this_median, other_best, other_median, ratio_best,
// ratio_median}], ratios above 1 where `present` is better. A figure's best is taken over all runs.
Json compare_results(const std::vector<Json>& present, const BenchResults& other);

// As a table under the name of `other`; says so when nothing was measured at the same size.
std::string comparison_text(const Json& rows, const BenchResults& other);

}  // namespace glmv::app
