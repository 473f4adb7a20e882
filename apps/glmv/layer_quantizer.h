#pragma once
// One decoder layer with its Linears quantised, from what they see of the calibration samples.

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "glmv/model/text/decoder.h"
#include "glmv/quant/quantizer.h"

namespace glmv::app {

struct LayerQuantOptions {
  std::string method = "awq";  // rtn | gptq | awq
  std::string format = "awq";  // awq | compressed-tensors
  quant::QuantGrid grid;
  int64_t sample_rows = 512;  // rows of activations that searches compare outputs on
};

struct LinearReport {
  std::string name;
  double error = 0;  // |x (w - quantised)^T|^2 / |x w^T|^2; without samples: of the weights
  double rounding_error = 0;  // the same of plain rounding
};

struct QuantizedLayer {
  std::vector<std::pair<std::string, at::Tensor>> tensors;  // names and tensors as stored
  std::vector<std::string> kept;                            // Linears that stay in floats
  std::vector<std::string>
      rounded;  // Linears that too few rows of the samples reached for the method
  std::vector<LinearReport> report;
};

// Runs all calibration samples through a layer; null without samples (rtn only).
using RunLayer = std::function<void(const model::DecoderLayer&)>;

// Experts are done one by one: beside the layer only one of them is held in fp32. Factors of AWQ
// that a norm gives up to experts are powers of two: the router is multiplied by them without loss
// and chooses as before.
Result<QuantizedLayer> quantize_layer(const model::DecoderLayer& layer, const RunLayer& run,
                                      int64_t num_rows, const LayerQuantOptions& options);

}  // namespace glmv::app
