#include "apps/glmv/sample_sources.h"

#include <fmt/format.h>

#include "apps/glmv/synth_source.h"
#include "glmv/base/texts.h"
#include "glmv/synth/fonts.h"
#include "glmv/train/dataset.h"

namespace glmv::app {

Result<Source> open_dataset(const std::string& path, const train::DataOptions& options) {
  GLMV_ASSIGN(train::Dataset dataset, train::Dataset::open(path, options));
  for (const std::string& warning : dataset.warnings())
    fmt::print(stderr, "{}\n", tr_format("warning: {}", warning));
  return std::make_unique<train::Dataset>(std::move(dataset));
}

Result<Source> open_synth(const std::string& mixture_name, uint64_t first, int64_t count,
                          bool with_visual_words) {
  GLMV_RETURN_IF_ERROR(synth::check_fonts());
  GLMV_ASSIGN(const synth::Mixture* mixture, synth::mixture_by_name(mixture_name));
  return std::make_unique<SynthSource>(*mixture, first, count, with_visual_words);
}

}  // namespace glmv::app
