#pragma once
// A whole checkpoint, layer by layer: each layer becomes a shard of the new folder, which is also
// what resuming goes by. The folder loads once its config.json is there, which comes last.

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "apps/glmv/layer_quantizer.h"
#include "glmv/train/sample_source.h"

namespace glmv::app {

struct QuantizeJob {
  std::filesystem::path input;
  std::filesystem::path output;
  LayerQuantOptions layer;
  const train::SampleSource* samples = nullptr;  // null: rtn without a comparison
  int64_t num_samples = 64;       // for calibration
  int64_t num_eval_samples = 16;  // behind them, for the comparison with the original
  int64_t max_tokens = 2048;      // of one sample
  Json fingerprint;               // what a resumed run must share
  // (layers done, layers in all, what is going on); false: stop.
  std::function<bool(int64_t, int64_t, const std::string&)> on_progress;
};

struct QuantizeSummary {
  std::vector<LinearReport> linears;
  std::vector<std::string> kept;
  int64_t input_bytes = 0;
  int64_t output_bytes = 0;
  int64_t num_resumed = 0;  // layers that were there already
  bool stopped = false;
  // On the replies of the evaluation samples; none without samples.
  std::optional<double> kl;                   // of the new model's next tokens from the original's
  std::optional<double> perplexity;           // of the new model
  std::optional<double> original_perplexity;
};

Result<QuantizeSummary> quantize_checkpoint(const QuantizeJob& job);

}  // namespace glmv::app
