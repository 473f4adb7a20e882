#include "glmv/runtime/engine_loop.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "glmv/base/check.h"
#include "glmv/runtime/prompt_lookup.h"

namespace glmv::runtime {
namespace {

// One layer, trained to see one token ahead, is soon lost.
constexpr int64_t kMostGuesses = 3;
constexpr int64_t kGuessAgainTokens = 32;

// The message without the tensor library's stack trace.
std::string first_part(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find("\nException raised from"));
}

Status status_of(const std::exception& error) {
  const std::string text = first_part(error);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
      text.find("can't allocate memory") != std::string::npos ||
      text.find("out of memory") != std::string::npos) {
    return {Code::kResourceExhausted,
            "no memory left for this request: use a shorter prompt, smaller pictures "
            "(--max-pixels) or fewer requests at once"};
  }
  return {Code::kInternal, fmt::format("the model failed: {}", text)};
}

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What fails here concerns one request: the others of its step go on.
Result<Generation::Outcome> sample(Generation& generation, std::span<float> logits) {
  try {
    return generation.step(logits);
  } catch (const std::exception& error) {
    return std::unexpected(status_of(error));
  }
}

// With one running sequence nobody else holds blocks, and submit() refuses what cannot fit: the
// system has less memory than the cache was promised.
Status cache_full(const Sequence& sequence) {
  return {Code::kResourceExhausted,
          fmt::format("no memory is left for the cache of this request at {} tokens: use a shorter "
                      "prompt or smaller pictures (--max-pixels), or free memory",
                      sequence.num_tokens())};
}

}  // namespace

Result<void> Inbox::put(std::unique_ptr<Sequence> sequence) {
  {
    std::lock_guard lock(mutex_);
    if (death_) return std::unexpected(*death_);
    sequence->handle->id = ++last_id_;
    handles_[last_id_] = sequence->handle;
    arrived_.push_back(std::move(sequence));
  }
  ready_.notify_one();
  return {};
}

void Inbox::cancel(RequestId id) {
  std::lock_guard lock(mutex_);
  const auto it = handles_.find(id);
  if (it == handles_.end()) return;
  if (const auto handle = it->second.lock()) handle->cancelled = true;
}

void Inbox::forget(RequestId id) {
  std::lock_guard lock(mutex_);
  handles_.erase(id);
}

void Inbox::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  ready_.notify_one();
}

void Inbox::die(const Status& error) {
  std::lock_guard lock(mutex_);
  death_ = {Code::kUnavailable, "the engine has ended by an error: restart the program"};
  step_start_ns_ = 0;
  for (const auto& [id, weak] : handles_) {
    if (const auto handle = weak.lock()) {
      handle->queue.push({.finish = FinishReason::kError, .error = error});
    }
  }
  handles_.clear();
  arrived_.clear();
}

std::optional<Status> Inbox::death() const {
  std::lock_guard lock(mutex_);
  return death_;
}

std::vector<std::unique_ptr<Sequence>> Inbox::take(bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) ready_.wait(lock, [this] { return stopped_ || !arrived_.empty(); });
  return std::exchange(arrived_, {});
}

EngineMetrics Inbox::metrics() const {
  EngineMetrics metrics;
  {
    std::lock_guard lock(mutex_);
    metrics = metrics_;
    metrics.alive = !death_;
  }
  metrics.num_steps = num_steps_;
  if (const int64_t start = step_start_ns_; start != 0) {
    metrics.step_seconds = std::max(0.0, static_cast<double>(now_ns() - start) * 1e-9);
  }
  return metrics;
}

void Inbox::begin_step() { step_start_ns_ = now_ns(); }
void Inbox::show_life() { step_start_ns_ = now_ns(); }
void Inbox::end_step() {
  ++num_steps_;
  step_start_ns_ = 0;
}

void Inbox::set_metrics(const EngineMetrics& metrics) {
  std::lock_guard lock(mutex_);
  metrics_ = metrics;
}

EngineLoop::EngineLoop(std::shared_ptr<Inbox> inbox, std::unique_ptr<ModelRunner> runner,
                       SchedulerOptions scheduling, LoopOptions options)
    : inbox_(std::move(inbox)),
      runner_(std::move(runner)),
      scheduler_(scheduling),
      options_(options),
      chunk_sizer_(options.max_step_ms, scheduling.prefill_chunk_tokens),
      draft_planner_(options.draft_tokens, options.adaptive_drafts) {}

void EngineLoop::run() {
  runner_->attach_thread();
  while (!inbox_->stopped()) step(true);
  accept(false);
  for (Sequence* sequence : scheduler_.sequences()) {
    finish(*sequence, {.finish = FinishReason::kCancelled});
  }
  publish();
}

void EngineLoop::step(bool wait) {
  accept(wait && scheduler_.empty());
  inbox_->begin_step();
  end_cancelled();
  scheduler_.set_busy_chunk_tokens(chunk_sizer_.num_tokens());
  Step step = scheduler_.next_step();
  try {
    do_step(step);
    if (options_.check_integrity) {
      scheduler_.check_integrity();
      runner_->check_integrity(scheduler_.sequences());
    }
  } catch (const std::exception& error) {
    fail(step.sequences, error);
  }
  publish();
  inbox_->end_step();
}

void EngineLoop::accept(bool wait) {
  for (auto& sequence : inbox_->take(wait)) scheduler_.add(std::move(sequence));
}

void EngineLoop::end_cancelled() {
  for (Sequence* sequence : scheduler_.sequences()) {
    if (sequence->cancelled()) finish(*sequence, {.finish = FinishReason::kCancelled});
  }
}

void EngineLoop::do_step(Step& step) {
  switch (step.kind) {
    case Step::Kind::kIdle:
      return;
    case Step::Kind::kStart:
      return start(*step.sequences[0]);
    case Step::Kind::kEncodeMedium:
      return encode_medium(*step.sequences[0]);
    case Step::Kind::kPrefill:
      return prefill(*step.sequences[0], step.num_tokens);
    case Step::Kind::kDecode:
      make_room(step);
      return decode(step.sequences);
  }
}

void EngineLoop::preempt() {
  if (scheduler_.num_running() == 0) return;
  Sequence& sequence = scheduler_.preempt_last();
  runner_->preempt(sequence);
  if (!sequence.started) return;
  ++metrics_.num_preempted;
}

void EngineLoop::make_room(Step& step) {
  // In the order of service; the last are put back, so that the first always gets on.
  for (size_t i = 0; i < step.sequences.size();) {
    Sequence& sequence = *step.sequences[i];
    if (runner_->reserve(sequence)) {
      ++i;
      continue;
    }
    if (scheduler_.num_running() == 1) {
      step.sequences.clear();
      return finish(sequence, {.finish = FinishReason::kError, .error = cache_full(sequence)});
    }
    preempt();
    std::erase_if(step.sequences,
                  [](const Sequence* s) { return s->state == SequenceState::kWaiting; });
  }
}

void EngineLoop::start(Sequence& sequence) {
  // A little is left for those that run already: else they would put this one back at their next
  // block.
  std::optional<ModelRunner::Start> start = runner_->start(sequence, scheduler_.num_started());
  if (!start) {
    // Others hold the cache: this one waits, and those behind it with it.
    if (scheduler_.num_started() > 0) return scheduler_.put_back_starting();
    return finish(sequence, {.finish = FinishReason::kError, .error = cache_full(sequence)});
  }
  // After a preemption a sequence finds what it computed itself.
  const bool again = std::exchange(sequence.started, true);
  if (!again) {
    sequence.first_started = Sequence::Clock::now();
    sequence.timings.queue_ms = ms_since(sequence.submitted);
    sequence.num_cached = start->num_cached;
    metrics_.cached_tokens += start->num_cached;
  }
  sequence.num_patches_done = sequence.num_patches;
  for (const size_t i : start->media_left) {
    sequence.num_patches_done -= sequence.request.input.media[i].grid.num_patches();
  }
  if (!again) sequence.num_patches_cached = sequence.num_patches_done;
  scheduler_.started(sequence, start->num_cached, std::move(start->media_left));
}

void EngineLoop::encode_medium(Sequence& sequence) {
  const int64_t num_patches =
      sequence.request.input.media[sequence.media_left[0]].grid.num_patches();
  const auto send = [&](double fraction) {
    inbox_->show_life();
    send_progress(sequence, Phase::kEncodingMedia,
                  sequence.num_patches_done +
                      static_cast<int64_t>(fraction * static_cast<double>(num_patches)),
                  sequence.num_patches);
  };
  const bool others_wait = scheduler_.num_decoding() > 0;
  const auto start = Sequence::Clock::now();
  double last_ms = 0;
  bool stopped = false;
  if (!sequence.encoding_paused) send(0);
  const bool done = runner_->encode_medium(sequence, [&](double fraction) {
    send(fraction);
    if (sequence.cancelled() || inbox_->stopped()) {
      stopped = true;
      return ModelRunner::Encoding::kStop;
    }
    // The next part takes about as long as this one.
    const double ms = ms_since(start);
    const double part_ms = ms - std::exchange(last_ms, ms);
    const bool pause = others_wait && ms + part_ms > options_.max_step_ms;
    return pause ? ModelRunner::Encoding::kPause : ModelRunner::Encoding::kGoOn;
  });
  const double ms = ms_since(start);
  sequence.timings.vision_ms += ms;
  metrics_.encoder_seconds += ms / 1000;
  if (stopped) return finish(sequence, {.finish = FinishReason::kCancelled});
  sequence.encoding_paused = !done;
  if (!done) return;
  sequence.num_patches_done += num_patches;
  metrics_.encoded_patches += num_patches;
  scheduler_.medium_encoded(sequence);
  send(0);
}

void EngineLoop::prefill(Sequence& sequence, int64_t num_tokens) {
  const bool again = sequence.num_generated() > 0;  // after a preemption
  if (!again && !sequence.reading) {
    sequence.reading = true;
    send_progress(sequence, Phase::kPrefill, sequence.num_computed, sequence.num_prompt);
  }
  const auto start = Sequence::Clock::now();
  std::vector<float> logits = runner_->prefill(sequence, num_tokens);
  const double ms = ms_since(start);
  chunk_sizer_.observe(num_tokens, ms);
  sequence.timings.prefill_ms += ms;
  scheduler_.prefilled(sequence, num_tokens);
  metrics_.prompt_tokens += num_tokens;
  if (!again) send_progress(sequence, Phase::kPrefill, sequence.num_computed, sequence.num_prompt);
  if (sequence.num_computed < sequence.num_tokens()) return;
  if (!again) {
    sequence.timings.time_to_first_token_ms = ms_since(sequence.submitted);
    sequence.decode_started = Sequence::Clock::now();
  }
  add_token(sequence, logits);
}

void EngineLoop::decode(std::span<Sequence* const> sequences) {
  // Several sequences share the reading of the weights already: guesses are for one.
  if (sequences.size() == 1 && draft_planner_.most() > 0) return decode_alone(*sequences[0]);
  const auto vocab_size = static_cast<size_t>(runner_->vocab_size());
  while (!sequences.empty()) {
    const auto batch =
        sequences.first(std::min(sequences.size(), static_cast<size_t>(options_.decode_batch)));
    sequences = sequences.subspan(batch.size());
    std::vector<float> logits = runner_->decode(batch);
    GLMV_CHECK(logits.size() == batch.size() * vocab_size);
    for (size_t i = 0; i < batch.size(); ++i) {
      add_token(*batch[i], std::span(logits).subspan(i * vocab_size, vocab_size));
    }
  }
}

void EngineLoop::decode_alone(Sequence& sequence) {
  const std::vector<int32_t> found = look_up_next(sequence.tokens, draft_planner_.most());
  const DraftPlanner::Plan looking = draft_planner_.plan(sequence.looked_up, std::ssize(found), 0);
  const DraftPlanner::Plan guessing = plan_guesses(sequence);
  if (guessing.num_tokens > 0 && (looking.num_tokens == 0 || guessing.gain > looking.gain)) {
    const auto start = Sequence::Clock::now();
    const std::vector<int32_t> guesses = runner_->guess(sequence, guessing.num_tokens);
    if (!guesses.empty()) draft_planner_.observe_guess(std::ssize(guesses), ms_since(start));
    if (!guesses.empty() && verify(sequence, guesses, sequence.guessed)) return;
  } else if (looking.num_tokens > 0) {
    const auto tried = std::span(found).first(static_cast<size_t>(looking.num_tokens));
    if (verify(sequence, tried, sequence.looked_up)) return;
  }
  const auto start = Sequence::Clock::now();
  Sequence* const one[] = {&sequence};
  std::vector<float> logits = runner_->decode(one);
  draft_planner_.observe(1, ms_since(start));
  // What was found and not tried costs nothing to judge.
  const bool alive = add_token(sequence, logits);
  if (alive && !found.empty()) sequence.looked_up.add(sequence.tokens.back() == found[0]);
}

DraftPlanner::Plan EngineLoop::plan_guesses(Sequence& sequence) const {
  if (!runner_->can_guess()) return {};
  DraftPlanner::Plan plan =
      draft_planner_.plan(sequence.guessed, kMostGuesses, draft_planner_.ms_guess());
  // Guesses that are never made are never found to have become right.
  if (plan.num_tokens == 0 && sequence.num_tokens() % kGuessAgainTokens == 0) plan.num_tokens = 1;
  return plan;
}

bool EngineLoop::verify(Sequence& sequence, std::span<const int32_t> draft, DraftRecord& record) {
  const auto start = Sequence::Clock::now();
  std::optional<std::vector<float>> logits = runner_->verify(sequence, draft);
  if (!logits) return false;
  draft_planner_.observe(std::ssize(draft) + 1, ms_since(start));
  const auto vocab_size = static_cast<size_t>(runner_->vocab_size());
  GLMV_CHECK(logits->size() == (draft.size() + 1) * vocab_size);
  metrics_.drafted_tokens += std::ssize(draft);
  for (size_t i = 0;; ++i) {
    if (!add_token(sequence, std::span(*logits).subspan(i * vocab_size, vocab_size))) return true;
    if (i == draft.size()) break;
    // What was fed behind a wrong guess says nothing.
    const bool right = sequence.tokens.back() == draft[i];
    record.add(right);
    if (!right) break;
    ++metrics_.accepted_tokens;
  }
  runner_->keep(sequence);
  return true;
}

bool EngineLoop::add_token(Sequence& sequence, std::span<float> logits) {
  Result<Generation::Outcome> outcome = sample(*sequence.generation, logits);
  if (!outcome) {
    finish(sequence, {.finish = FinishReason::kError, .error = outcome.error()});
    return false;
  }
  ++metrics_.generated_tokens;
  for (TokenEvent& event : outcome->released) sequence.handle->queue.push(std::move(event));
  if (outcome->finish == FinishReason::kNone) {
    scheduler_.token_generated(sequence, outcome->token_id);
    return true;
  }
  finish(sequence, {.finish = outcome->finish,
                    .stop_token_id = outcome->stop_token_id,
                    .stop_string = std::move(outcome->stop_string),
                    .grammar_dead_end = outcome->grammar_dead_end});
  return false;
}

void EngineLoop::send_progress(Sequence& sequence, Phase phase, int64_t done, int64_t total) {
  const int64_t cached =
      phase == Phase::kPrefill ? sequence.num_cached : sequence.num_patches_cached;
  sequence.handle->queue.push(
      {.progress = Progress{phase, done, total, cached, ms_since(sequence.first_started)}});
}

void EngineLoop::finish(Sequence& sequence, TokenEvent last) {
  const std::unique_ptr<Sequence> owned = scheduler_.remove(sequence.handle->id);
  GLMV_CHECK(owned.get() == &sequence);
  for (TokenEvent& held : sequence.generation->flush()) {
    sequence.handle->queue.push(std::move(held));
  }
  ++metrics_.num_finished;
  if (last.finish == FinishReason::kError) ++metrics_.num_failed;
  if (sequence.state == SequenceState::kDecode || sequence.generation->num_tokens() > 0) {
    sequence.timings.decode_ms = ms_since(sequence.decode_started);
  }
  last.timings = sequence.timings;
  last.usage = {.prompt_tokens = sequence.num_prompt,
                .cached_tokens = sequence.num_cached,
                .image_tokens = sequence.num_image_tokens,
                .completion_tokens = sequence.generation->num_tokens(),
                .reasoning_tokens = sequence.generation->num_reasoning_tokens()};
  if (last.finish != FinishReason::kError && sequence.state != SequenceState::kWaiting &&
      sequence.state != SequenceState::kStarting) {
    runner_->finished(sequence);
  }
  sequence.runner_state.reset();
  inbox_->forget(sequence.handle->id);
  // Before the consumer learns of the end, so that a snapshot taken then includes this request.
  publish();
  sequence.handle->queue.push(std::move(last));
}

void EngineLoop::fail(const std::vector<Sequence*>& sequences, const std::exception& error) {
  // A sequence of the batch may have ended before the exception.
  const std::vector<Sequence*> alive = scheduler_.sequences();
  for (Sequence* sequence : sequences) {
    if (std::find(alive.begin(), alive.end(), sequence) == alive.end()) continue;
    finish(*sequence, {.finish = FinishReason::kError, .error = status_of(error)});
  }
}

void EngineLoop::publish() {
  metrics_.num_waiting = scheduler_.num_waiting();
  metrics_.num_running = scheduler_.num_running();
  metrics_.cache = runner_->cache_use();
  metrics_.encoder_cache = runner_->encoder_cache_use();
  inbox_->set_metrics(metrics_);
}

void run_engine(const std::shared_ptr<Inbox>& inbox, EngineLoop loop) {
  try {
    loop.run();
  } catch (const std::exception& error) {
    inbox->die({Code::kInternal,
                fmt::format("the engine has ended by an error ({}): restart the program and report "
                            "this text",
                            first_part(error))});
  }
}

}  // namespace glmv::runtime
