#include "glmv/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "glmv/base/texts.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/model/vlm.h"
#include "glmv/train/checkpointing.h"
#include "glmv/train/loss_plot.h"
#include "glmv/train/lr_schedule.h"
#include "glmv/train/step_loader.h"
#include "glmv/train/step_runner.h"
#include "glmv/train/trainer_log.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kStateFormat = 1;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What a resumed run must share with the one it continues.
Json data_fingerprint(const TrainOptions& options, const SampleSource& source) {
  return {{"seed", options.seed},
          {"shuffle", options.shuffle},
          {"batch_samples", options.batch_samples},
          {"num_samples", source.size()}};
}

Result<void> check_fingerprint(const Json& saved, const Json& current) {
  for (const auto& [key, value] : current.items()) {
    const auto it = saved.find(key);
    if (it == saved.end() || *it == value) continue;
    return invalid_argument(
        "cannot resume: the run was started with {} = {}, now it is {}; use the same value, or "
        "another output folder, or resume = never",
        key, it->dump(), value.dump());
  }
  return {};
}

Result<std::optional<fs::path>> find_resume(const TrainOptions& options) {
  if (options.resume == "never") return std::nullopt;
  if (options.resume == "auto") return find_latest_checkpoint(options.output_dir);
  return fs::path(options.resume);
}

std::string time_text(double seconds) {
  const auto s = static_cast<int64_t>(std::max(0.0, seconds));
  if (s >= 3600) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  return fmt::format("{}m{:02}s", s / 60, s % 60);
}

}  // namespace

std::string progress_line(const StepReport& r) {
  const double percent = 100.0 * static_cast<double>(r.step) /
                         static_cast<double>(std::max<int64_t>(1, r.total_steps));
  return tr_format(
      "step {}/{} ({:.0f} %)  epoch {:.2f}  loss {:.4f}  lr {:.2e}  grad {:.2f}{}  {:.0f} tok/s  "
      "{:.1f} samples/s  {} left",
      r.step, r.total_steps, percent, r.epoch, r.loss, r.learning_rate, r.grad_norm,
      r.applied ? "" : tr(" (skipped)"), r.tokens_per_s, r.samples_per_s, time_text(r.remaining_s));
}

struct Trainer::Impl {
  Impl(TrainOptions o, const SampleSource& t, const SampleSource* e, TrainCallbacks c,
       model::LoadedModel m, processing::Processor p)
      : options(std::move(o)),
        train(t),
        eval(e),
        callbacks(std::move(c)),
        model(std::move(m.model)),
        processor(std::move(p)) {}

  Result<void> prepare(const std::optional<fs::path>& checkpoint);
  Result<void> restore(const fs::path& checkpoint);
  Result<void> train_step(StepLoader& loader, TrainerLog& log);
  Result<void> run_eval(TrainerLog& log);
  Result<void> save(const TrainerLog& log);
  Json state_json() const;
  double epoch_at(int64_t at_step) const;
  void warn(const std::string& text) const {
    if (callbacks.on_warning) callbacks.on_warning(text);
  }

  TrainOptions options;
  const SampleSource& train;
  const SampleSource* eval;
  TrainCallbacks callbacks;
  std::unique_ptr<model::Vlm> model;
  processing::Processor processor;
  std::optional<Collator> collator;
  std::optional<AdamW> optimizer;
  Schedule schedule;
  std::optional<fs::path> resumed_from;
  fs::path side_files;

  int64_t start_step = 0;
  TrainSummary summary;  // step = steps done
  int64_t total_tokens = 0;
  int64_t bad_in_a_row = 0;
  double elapsed_before_s = 0;  // in earlier runs
  Clock::time_point started = Clock::now();
  double seconds_per_step = 0;  // smoothed
  double tokens_per_step = 0;
  double samples_per_step = 0;
  double loss_sum = 0;  // since the last log line
  int64_t loss_steps = 0;
};

Trainer::Trainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

Result<Trainer> Trainer::create(TrainOptions options, const SampleSource& train,
                                const SampleSource* eval, TrainCallbacks callbacks) {
  GLMV_RETURN_IF_ERROR(validate(options));
  if (train.size() <= 0) return invalid_argument("the training data have no sample");
  std::error_code error;
  fs::create_directories(options.output_dir, error);
  if (error) {
    return invalid_argument("cannot create {}: {}", options.output_dir, error.message());
  }
  remove_leftovers(options.output_dir);
  GLMV_ASSIGN(const std::optional<fs::path> checkpoint, find_resume(options));
  const fs::path dir = checkpoint ? *checkpoint : fs::path(options.model_dir);

  model::LoadOptions load{.dtype = options.dtype == "fp32" ? "float32" : "bfloat16",
                          .device = options.device,
                          .for_training = true};
  GLMV_ASSIGN(model::LoadedModel loaded, model::load_model(dir.string(), load));
  if (callbacks.on_warning) {
    for (const std::string& warning : loaded.warnings) callbacks.on_warning(warning);
  }
  GLMV_ASSIGN(processing::Processor processor, processing::Processor::load(dir));
  auto impl = std::make_unique<Impl>(std::move(options), train, eval, std::move(callbacks),
                                     std::move(loaded), std::move(processor));
  impl->side_files = dir;
  GLMV_RETURN_IF_ERROR(impl->prepare(checkpoint));
  return Trainer(std::move(impl));
}

Result<void> Trainer::Impl::prepare(const std::optional<fs::path>& checkpoint) {
  GLMV_ASSIGN(collator, Collator::create(processor, options.encode));
  GLMV_ASSIGN(std::vector<model::NamedParameter> trainable,
              select_trainable(model->parameters(), options.optimizer));
  optimizer.emplace(std::move(trainable), options.optimizer);

  summary.total_steps = options.total_steps;
  if (summary.total_steps == 0) {
    const double samples = options.epochs * static_cast<double>(train.size());
    summary.total_steps =
        static_cast<int64_t>(std::ceil(samples / static_cast<double>(options.batch_samples)));
  }
  const OptimizerOptions& o = options.optimizer;
  schedule = {.learning_rate = o.learning_rate,
              .min_lr = o.min_lr,
              .warmup_steps = o.warmup_steps,
              .total_steps = summary.total_steps,
              .decay_steps = o.decay_steps,
              .num_cycles = o.num_cycles,
              .power = o.power};
  GLMV_ASSIGN(schedule.kind, parse_schedule(o.schedule));
  if (checkpoint) GLMV_RETURN_IF_ERROR(restore(*checkpoint));
  return {};
}

Result<void> Trainer::Impl::restore(const fs::path& checkpoint) {
  GLMV_ASSIGN(const ResumeState resume, load_resume_state(checkpoint));
  const auto bad_state = [&](std::string_view what) {
    return invalid_argument("{}: trainer_state.json: {}", checkpoint.string(), what);
  };
  const Json& state = resume.state;
  if (!state.is_object() || state.value("format", Json()) != kStateFormat) {
    return bad_state("not of a format this version writes");
  }
  for (const char* key :
       {"global_step", "total_tokens", "skipped_samples", "bad_steps", "bad_in_a_row"}) {
    if (!state.contains(key) || !state[key].is_number_integer()) return bad_state(key);
  }
  if (!state.contains("elapsed_s") || !state["elapsed_s"].is_number())
    return bad_state("elapsed_s");
  if (!state.contains("data") || !state["data"].is_object()) return bad_state("data");
  GLMV_RETURN_IF_ERROR(check_fingerprint(state["data"], data_fingerprint(options, train)));
  const Result<void> loaded = optimizer->load_state(resume.optimizer);
  if (!loaded) return in_context(checkpoint.string(), loaded.error());

  start_step = summary.step = state["global_step"].get<int64_t>();
  total_tokens = state["total_tokens"].get<int64_t>();
  summary.skipped_samples = state["skipped_samples"].get<int64_t>();
  summary.bad_steps = state["bad_steps"].get<int64_t>();
  bad_in_a_row = state["bad_in_a_row"].get<int64_t>();
  elapsed_before_s = state["elapsed_s"].get<double>();
  resumed_from = checkpoint;
  summary.checkpoint = checkpoint;
  return {};
}

Json Trainer::Impl::state_json() const {
  return {{"format", kStateFormat},
          {"global_step", summary.step},
          {"total_steps", summary.total_steps},
          {"epoch", epoch_at(summary.step)},
          {"consumed_samples", summary.step * options.batch_samples},
          {"total_tokens", total_tokens},
          {"skipped_samples", summary.skipped_samples},
          {"bad_steps", summary.bad_steps},
          {"bad_in_a_row", bad_in_a_row},
          {"elapsed_s", elapsed_before_s + seconds_since(started)},
          {"dtype", options.dtype},
          {"data", data_fingerprint(options, train)}};
}

double Trainer::Impl::epoch_at(int64_t at_step) const {
  return static_cast<double>(at_step) * static_cast<double>(options.batch_samples) /
         static_cast<double>(train.size());
}

Result<void> Trainer::Impl::train_step(StepLoader& loader, TrainerLog& log) {
  const Clock::time_point step_start = Clock::now();
  GLMV_ASSIGN(const StepSamples data, loader.next());
  summary.skipped_samples += static_cast<int64_t>(data.skipped.size());
  for (const std::string& reason : data.skipped) warn("skipped: " + reason);
  if (data.samples.empty()) {
    return invalid_argument("step {}: all of its {} samples are bad", summary.step,
                            data.skipped.size());
  }
  const double rate = learning_rate_at(schedule, summary.step);
  const StepResult result = run_step(*model, *optimizer, data.samples, options, rate);
  ++summary.step;
  summary.loss = result.loss;
  total_tokens += result.num_tokens;

  bad_in_a_row = result.outcome.applied ? 0 : bad_in_a_row + 1;
  if (!result.outcome.applied) {
    ++summary.bad_steps;
    warn(fmt::format("step {}: the gradient is not finite, the step was skipped", summary.step));
    if (bad_in_a_row >= options.optimizer.max_bad_steps) {
      return invalid_argument(
          "{} steps in a row with a gradient that is not finite; lower the learning rate or look "
          "at the data. The weights are those of step {}",
          bad_in_a_row, summary.step - bad_in_a_row);
    }
  }

  // The first step pays for warm caches, so averages start at what was seen and adapt.
  const double seconds = seconds_since(step_start);
  const double weight = seconds_per_step == 0 ? 1.0 : 0.05;
  seconds_per_step += weight * (seconds - seconds_per_step);
  tokens_per_step += weight * (static_cast<double>(result.num_tokens) - tokens_per_step);
  samples_per_step += weight * (static_cast<double>(data.samples.size()) - samples_per_step);
  if (result.outcome.applied) {
    loss_sum += result.loss;
    ++loss_steps;
  }

  StepReport report{.step = summary.step,
                    .total_steps = summary.total_steps,
                    .epoch = epoch_at(summary.step),
                    .loss = result.loss,
                    .learning_rate = rate,
                    .grad_norm = result.outcome.grad_norm,
                    .applied = result.outcome.applied,
                    .num_tokens = result.num_tokens,
                    .num_trained = result.num_trained,
                    .num_samples = static_cast<int64_t>(data.samples.size()),
                    .num_micro_batches = result.num_micro_batches,
                    .tokens_per_s = tokens_per_step / seconds_per_step,
                    .samples_per_s = samples_per_step / seconds_per_step,
                    .elapsed_s = elapsed_before_s + seconds_since(started)};
  report.remaining_s = seconds_per_step * static_cast<double>(summary.total_steps - summary.step);
  if (callbacks.on_step) callbacks.on_step(report);

  if (summary.step % options.log_every != 0 && summary.step != summary.total_steps) return {};
  LogEntry entry{.current_steps = summary.step,
                 .total_steps = summary.total_steps,
                 .lr = rate,
                 .grad_norm = result.outcome.grad_norm,
                 .epoch = report.epoch,
                 .elapsed_s = report.elapsed_s,
                 .remaining_s = report.remaining_s,
                 .throughput = report.tokens_per_s,
                 .total_tokens = total_tokens};
  if (loss_steps > 0) entry.loss = loss_sum / static_cast<double>(loss_steps);
  loss_sum = 0;
  loss_steps = 0;
  return log.append(entry);
}

Result<void> Trainer::Impl::run_eval(TrainerLog& log) {
  const int64_t count = std::min(options.eval_samples, eval->size());
  LossSum total;
  for (int64_t begin = 0; begin < count; begin += options.batch_samples) {
    std::vector<EncodedSample> samples;
    for (int64_t i = begin; i < std::min(count, begin + options.batch_samples); ++i) {
      GLMV_ASSIGN(Sample sample, eval->get(i));
      auto encoded = collator->encode(std::move(sample));
      if (!encoded) return in_context(fmt::format("evaluation sample {}", i), encoded.error());
      samples.push_back(std::move(*encoded));
    }
    const LossSum sum = evaluate_samples(*model, samples, options);
    total.loss += sum.loss;
    total.num_tokens += sum.num_tokens;
    total.num_correct += sum.num_correct;
  }
  const double tokens = static_cast<double>(std::max<int64_t>(1, total.num_tokens));
  const EvalReport report{.step = summary.step,
                          .loss = total.loss / tokens,
                          .accuracy = static_cast<double>(total.num_correct) / tokens};
  if (callbacks.on_eval) callbacks.on_eval(report);
  return log.append({.current_steps = summary.step,
                     .total_steps = summary.total_steps,
                     .eval_loss = report.loss,
                     .accuracy = report.accuracy,
                     .epoch = epoch_at(summary.step),
                     .elapsed_s = elapsed_before_s + seconds_since(started),
                     .total_tokens = total_tokens});
}

Result<void> Trainer::Impl::save(const TrainerLog& log) {
  CheckpointContent content{.step = summary.step,
                            .side_files = side_files,
                            .weights = model->parameters(),
                            .state = state_json()};
  if (options.save_optimizer) content.optimizer = optimizer->state();
  GLMV_ASSIGN(summary.checkpoint, save_checkpoint(options.output_dir, content, options.keep_last));
  // The new folder holds the same side files; the one they came from may be removed one day.
  if (resumed_from) side_files = summary.checkpoint;
  const Result<void> drawn =
      draw_loss_plot(log.entries(), fs::path(options.output_dir) / "loss.png");
  if (!drawn) warn("loss plot: " + drawn.error().message);
  if (callbacks.on_checkpoint) callbacks.on_checkpoint(summary.checkpoint, summary.step);
  return {};
}

Result<TrainSummary> Trainer::run(const std::atomic<bool>* stop) {
  Impl& t = *impl_;
  t.started = Clock::now();
  GLMV_ASSIGN(TrainerLog log,
              TrainerLog::open(fs::path(t.options.output_dir) / "trainer_log.jsonl", t.start_step));
  const int64_t total = t.summary.total_steps;
  StepLoader loader(t.train, *t.collator, t.options, t.summary.step, total);
  while (t.summary.step < total) {
    GLMV_RETURN_IF_ERROR(t.train_step(loader, log));
    const int64_t step = t.summary.step;
    t.summary.stopped = stop != nullptr && stop->load();
    const bool last = step == total || t.summary.stopped;
    const auto due = [&](int64_t every) { return every > 0 && step % every == 0; };
    if (t.eval != nullptr && !t.summary.stopped &&
        (due(t.options.eval_every) || (last && t.options.eval_every > 0))) {
      GLMV_RETURN_IF_ERROR(t.run_eval(log));
    }
    if (last || due(t.options.save_every)) GLMV_RETURN_IF_ERROR(t.save(log));
    if (t.summary.stopped) break;
  }
  return t.summary;
}

int64_t Trainer::start_step() const { return impl_->start_step; }
int64_t Trainer::total_steps() const { return impl_->summary.total_steps; }
int64_t Trainer::num_trainable() const { return impl_->optimizer->num_trainable(); }
int64_t Trainer::num_parameters() const {
  int64_t sum = 0;
  for (const model::NamedParameter& p : impl_->model->parameters()) sum += p.tensor.numel();
  return sum;
}
std::optional<fs::path> Trainer::resumed_from() const { return impl_->resumed_from; }

}  // namespace glmv::train
