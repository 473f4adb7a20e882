#pragma once
// A whole checkpoint, layer by layer, in bounded memory: of the decoder one layer is held at a
// time, and the hidden states of the samples before it. The evaluation samples go through the
// original and the quantised layers side by side, and only their last states meet the head.

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "apps/glmv/layer_quantizer.h"
#include "apps/glmv/token_comparison.h"
#include "glmv/train/sample_source.h"

namespace glmv::app {

struct QuantizeJob {
  std::filesystem::path input;
  std::filesystem::path output;
  LayerQuantOptions layer;
  const train::SampleSource* samples = nullptr;  // null: rtn without a comparison
  // For the comparison with the original; null: the samples behind those for calibration.
  const train::SampleSource* eval_samples = nullptr;
  int64_t num_samples = 64;  // for calibration
  int64_t num_eval_samples = 16;
  int64_t max_tokens = 2048;  // of one sample
  Json fingerprint;           // what a resumed run must share
  // (layers done, layers in all, what is going on); false: stop.
  std::function<bool(int64_t, int64_t, const std::string&)> on_progress;
};

struct QuantizeSummary {
  std::vector<LinearReport> linears;
  std::vector<std::string> kept;     // Linears that stay in floats
  std::vector<std::string> rounded;  // Linears that saw too few rows for the method
  // |quantised - original|^2 / |original|^2 of the hidden states of the evaluation samples behind
  // each layer; empty without samples.
  std::vector<double> hidden_errors;
  int64_t input_bytes = 0;
  int64_t output_bytes = 0;
  int64_t num_resumed = 0;  // layers that were there already
  bool stopped = false;
  // On the evaluation samples; none without them.
  std::optional<TokenComparison> replies;  // tokens of the replies
  std::optional<TokenComparison> text;     // all tokens that are no picture
};

Result<QuantizeSummary> quantize_checkpoint(const QuantizeJob& job);

}  // namespace glmv::app
