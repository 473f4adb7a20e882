#pragma once
// The measured runs of `glmv bench`: synthetic inputs through the engine.

#include <optional>
#include <string>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/base/result.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/processing/processor_config.h"
#include "glmv/runtime/engine.h"

namespace glmv::app {

// Milliseconds of the runs.
struct Series {
  std::vector<double> values;

  double min() const;
  double median() const;
};

struct BenchPicture {
  int64_t width = 0;  // as asked for, in pixels
  int64_t height = 0;
  Grid grid;  // patches after resize
  int64_t num_tokens = 0;
};

// "1024x1024" with the limits of `processor` and the patches of `vision`; nullopt for "none".
Result<std::optional<BenchPicture>> parse_picture(const std::string& text,
                                                  const processing::ProcessorConfig& processor,
                                                  const checkpoint::VisionConfig& vision);

// Of one length of the prompt.
struct TextTimes {
  int64_t num_prompt = 0;
  int64_t num_decoded = 0;
  Series prefill_ms;
  Series decode_ms;  // of num_decoded tokens each; the first token belongs to prefill
  int64_t num_together = 0;
  Series step_ms;  // a token of each of num_together sequences, while all of them are decoded
};

struct BenchTimes {
  std::vector<TextTimes> texts;  // in the order of the prompts asked for
  Series vision_ms;
};

struct BenchPlan {
  std::vector<int64_t> prompts = {512};  // lengths, of random ids
  int64_t num_generated = 32;            // tokens of each answer
  int64_t num_together = 1;              // sequences that are decoded together as well, if above 1
  std::optional<BenchPicture> picture;
  int num_runs = 3;
};

// Every prompt, alone and together, and the picture num_runs times, after one round of all that is
// not counted. cancelled when interrupted; invalid_argument when the answers are too short to be
// decoded together.
Result<BenchTimes> run_bench(runtime::Engine& engine, const BenchPlan& plan);

}  // namespace glmv::app
