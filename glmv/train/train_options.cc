#include "glmv/train/train_options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>

#include "glmv/train/lr_schedule.h"

namespace glmv::train {
namespace {

Result<void> one_of(std::string_view option, const std::string& value,
                    std::initializer_list<std::string_view> allowed) {
  if (std::ranges::find(allowed, value) != allowed.end()) return {};
  return invalid_argument("{} is \"{}\"; known: {}", option, value, fmt::join(allowed, ", "));
}

struct Bound {
  std::string_view option;
  double value;
  double least;
};

}  // namespace

Result<void> validate(const TrainOptions& o) {
  if (o.model_dir.empty())
    return invalid_argument("model_dir is not set: name a checkpoint folder");
  if (o.output_dir.empty())
    return invalid_argument("output_dir is not set: name a folder to write");
  GLMV_RETURN_IF_ERROR(one_of("dtype", o.dtype, {"fp32", "bf16-mixed"}));
  GLMV_RETURN_IF_ERROR(one_of("objective", o.encode.objective, {"replies", "visual-words"}));
  GLMV_RETURN_IF_ERROR(one_of("on_bad_sample", o.data.on_bad_sample, {"error", "skip"}));
  GLMV_RETURN_IF_ERROR(one_of("history_think", o.encode.history_think, {"strip", "keep"}));
  GLMV_RETURN_IF_ERROR(one_of("loss_turns", o.encode.loss_turns, {"all", "last"}));
  GLMV_RETURN_IF_ERROR(one_of("turn_end", o.encode.turn_end, {"user", "endoftext"}));
  for (const std::string& part : o.optimizer.freeze) {
    GLMV_RETURN_IF_ERROR(one_of("freeze", part, {"vision", "projector", "llm"}));
  }
  GLMV_RETURN_IF_ERROR(parse_schedule(o.optimizer.schedule));
  const Bound bounds[] = {
      {"total_steps", static_cast<double>(o.total_steps), 0},
      {"batch_samples", static_cast<double>(o.batch_samples), 1},
      {"grad_accum", static_cast<double>(o.grad_accum), 1},
      {"workers", static_cast<double>(o.workers), 1},
      {"max_tokens", static_cast<double>(o.max_tokens), 0},
      {"loss_chunk_rows", static_cast<double>(o.loss_chunk_rows), 1},
      {"prefetch_steps", static_cast<double>(o.prefetch_steps), 1},
      {"save_every", static_cast<double>(o.save_every), 0},
      {"keep_last", static_cast<double>(o.keep_last), 0},
      {"log_every", static_cast<double>(o.log_every), 1},
      {"eval_every", static_cast<double>(o.eval_every), 0},
      {"eval_samples", static_cast<double>(o.eval_samples), 1},
      {"max_pixels", static_cast<double>(o.encode.max_pixels), 0},
      {"max_sample_tokens", static_cast<double>(o.encode.max_sample_tokens), 0},
      {"learning_rate", o.optimizer.learning_rate, 0},
      {"min_lr", o.optimizer.min_lr, 0},
      {"warmup_steps", static_cast<double>(o.optimizer.warmup_steps), 0},
      {"decay_steps", static_cast<double>(o.optimizer.decay_steps), 0},
      {"weight_decay", o.optimizer.weight_decay, 0},
      {"clip", o.optimizer.clip, 0},
      {"beta1", o.optimizer.beta1, 0},
      {"beta2", o.optimizer.beta2, 0},
      {"eps", o.optimizer.eps, 0},
      {"max_bad_steps", static_cast<double>(o.optimizer.max_bad_steps), 1},
  };
  for (const Bound& bound : bounds) {
    // Written so that a NaN fails as well.
    if (!(bound.value >= bound.least)) {
      return invalid_argument("{} is {}, expected at least {}", bound.option, bound.value,
                              bound.least);
    }
  }
  if (o.optimizer.beta1 >= 1 || o.optimizer.beta2 >= 1) {
    return invalid_argument("beta1 is {} and beta2 is {}; both must be below 1", o.optimizer.beta1,
                            o.optimizer.beta2);
  }
  if (o.total_steps == 0 && !(o.epochs > 0)) {
    return invalid_argument("epochs is {}, expected more than 0 (or set total_steps)", o.epochs);
  }
  return {};
}

void register_options(CLI::App& app, TrainOptions& o) {
  app.option_defaults()->always_capture_default();
  app.add_option("--model", o.model_dir, "checkpoint folder to start from, or a name in the cache")
      ->type_name("MODEL");
  app.add_option("--output", o.output_dir, "folder for checkpoints, log and loss plot");
  app.add_option("--resume", o.resume, "auto (latest checkpoint in --output), never, or a folder");
  app.add_option("--dtype", o.dtype, "fp32, or bf16-mixed (bf16 compute, fp32 master weights)");
  app.add_option("--device", o.device, "cpu, cuda, cuda:1, npu:0");

  app.add_option("--objective", o.encode.objective,
                 "replies, or visual-words: what each visual token shows (--synth only)")
      ->group("Data");
  app.add_option("--media-dir", o.data.media_dir, "joined to media paths; default: the dataset's")
      ->group("Data");
  app.add_option("--on-bad-sample", o.data.on_bad_sample, "error or skip")->group("Data");
  app.add_option("--history-think", o.encode.history_think,
                 "strip or keep the thoughts of earlier assistant turns")
      ->group("Conversations of samples");
  app.add_option("--train-think", o.encode.train_think,
                 "false removes the thought of the last turn as well")
      ->group("Conversations of samples");
  app.add_option("--loss-turns", o.encode.loss_turns, "assistant turns with loss: all or last")
      ->group("Conversations of samples");
  app.add_option("--turn-end", o.encode.turn_end, "token that ends a turn: user or endoftext")
      ->group("Conversations of samples");
  app.add_flag("--trust-special-tokens", o.encode.trust_special_tokens,
               "special tokens typed in user and system text count")
      ->group("Conversations of samples");
  app.add_option("--max-pixels", o.encode.max_pixels, "per picture; 0: the processor's limit")
      ->group("Data");
  app.add_option("--max-sample-tokens", o.encode.max_sample_tokens,
                 "longer samples are bad samples; 0: no limit")
      ->group("Data");
  app.add_option("--shuffle", o.shuffle, "a new order every epoch")->group("Data");
  app.add_option("--seed", o.seed, "of the data order")->group("Data");
  app.add_option("--prefetch-steps", o.prefetch_steps, "steps encoded ahead")->group("Data");

  app.add_option("--steps", o.total_steps, "optimizer steps; 0: from --epochs")->group("Length");
  app.add_option("--epochs", o.epochs, "passes over the data")->group("Length");
  app.add_option("--batch", o.batch_samples, "samples per optimizer step")->group("Length");
  app.add_option("--grad-accum", o.grad_accum, "at least so many micro-batches per step")
      ->group("Length");
  app.add_option("--workers", o.workers,
                 "micro-batches side by side, each on its share of the cores; for small models")
      ->group("Length");
  app.add_option("--max-tokens", o.max_tokens, "of a micro-batch; 0: no limit")->group("Length");
  app.add_option("--loss-chunk-rows", o.loss_chunk_rows, "rows of logits at one time")
      ->group("Length");

  OptimizerOptions& a = o.optimizer;
  app.add_option("--lr", a.learning_rate, "peak learning rate")->group("Optimizer");
  app.add_option("--min-lr", a.min_lr, "end of the decay")->group("Optimizer");
  app.add_option("--schedule", a.schedule,
                 "constant, linear, cosine, cosine_with_restarts, polynomial, inverse_sqrt, wsd")
      ->group("Optimizer");
  app.add_option("--warmup-steps", a.warmup_steps, "linear from 0")->group("Optimizer");
  app.add_option("--decay-steps", a.decay_steps, "wsd: last phase; 0: a tenth")->group("Optimizer");
  app.add_option("--num-cycles", a.num_cycles, "cosine_with_restarts")->group("Optimizer");
  app.add_option("--power", a.power, "polynomial")->group("Optimizer");
  app.add_option("--beta1", a.beta1, "AdamW")->group("Optimizer");
  app.add_option("--beta2", a.beta2, "AdamW")->group("Optimizer");
  app.add_option("--eps", a.eps, "AdamW")->group("Optimizer");
  app.add_option("--weight-decay", a.weight_decay, "AdamW")->group("Optimizer");
  app.add_flag("--decay-norms-and-biases", a.decay_norms_and_biases, "decay vectors as well")
      ->group("Optimizer");
  app.add_option("--clip", a.clip, "global gradient norm; 0: off")->group("Optimizer");
  app.add_option("--max-bad-steps", a.max_bad_steps, "non-finite steps in a row before giving up")
      ->group("Optimizer");
  app.add_option("--freeze", a.freeze, "parts kept as they are: vision, projector, llm")
      ->delimiter(',')
      ->group("Parts of the model");
  app.add_option("--freeze-regex", a.freeze_regex, "further parameters, by name")
      ->group("Parts of the model");
  app.add_option("--vision-lr-scale", a.vision_lr_scale, "times --lr")->group("Parts of the model");
  app.add_option("--projector-lr-scale", a.projector_lr_scale, "times --lr")
      ->group("Parts of the model");
  app.add_option("--llm-lr-scale", a.llm_lr_scale, "times --lr")->group("Parts of the model");

  app.add_option("--save-every", o.save_every, "steps; 0: only at the end")->group("Output");
  app.add_option("--keep-last", o.keep_last, "checkpoints kept; 0: all")->group("Output");
  app.add_option("--save-optimizer", o.save_optimizer, "needed to resume")->group("Output");
  app.add_option("--log-every", o.log_every, "steps")->group("Output");
  app.add_option("--eval-every", o.eval_every, "steps; 0: never")->group("Output");
  app.add_option("--eval-samples", o.eval_samples, "at most")->group("Output");
}

}  // namespace glmv::train
