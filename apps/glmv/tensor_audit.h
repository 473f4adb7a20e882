#pragma once
// Compares the tensors of a checkpoint with what its config.json implies.

#include <string>
#include <vector>

#include "glmv/checkpoint/weights.h"

namespace glmv::app {

struct TensorAudit {
  std::vector<std::string> missing;     // canonical names
  std::vector<std::string> unexpected;  // canonical names; the loader ignores them
  std::vector<std::string> wrong;       // sentences: shape or dtype does not fit
};

// Every spelling that the loader accepts counts: fused or in pieces, experts one by one or stacked.
TensorAudit audit_tensors(const checkpoint::Weights& weights,
                          const checkpoint::ModelConfig& config);

}  // namespace glmv::app
