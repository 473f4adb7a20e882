#pragma once
// The model runner over a loaded model: builds tensors, encodes one picture at a time, reads the
// prompt in chunks and decodes all running sequences in one forward. Private to this folder.

#include <memory>

#include "glmv/runtime/model_runner.h"

namespace glmv::model {
class Vlm;
}

namespace glmv::runtime {

// `num_threads`: of the engine thread's tensor operations; 0 keeps the default (all cores).
std::unique_ptr<ModelRunner> make_model_runner(std::shared_ptr<const model::Vlm> model,
                                               int num_threads);

}  // namespace glmv::runtime
