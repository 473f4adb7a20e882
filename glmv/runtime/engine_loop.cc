#include "glmv/runtime/engine_loop.h"

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "glmv/base/check.h"
#include "glmv/runtime/prompt_lookup.h"

namespace glmv::runtime {
namespace {

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
            fmt::format("no memory left for this request ({}): use a shorter prompt, smaller "
                        "pictures (--max-pixels) or fewer requests at once",
                        text)};
  }
  return {Code::kInternal, fmt::format("the model failed: {}", text)};
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

void Inbox::put(std::unique_ptr<Sequence> sequence) {
  {
    std::lock_guard lock(mutex_);
    sequence->handle->id = ++last_id_;
    handles_[last_id_] = sequence->handle;
    arrived_.push_back(std::move(sequence));
  }
  ready_.notify_one();
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

std::vector<std::unique_ptr<Sequence>> Inbox::take(bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) ready_.wait(lock, [this] { return stopped_ || !arrived_.empty(); });
  return std::exchange(arrived_, {});
}

EngineMetrics Inbox::metrics() const {
  std::lock_guard lock(mutex_);
  return metrics_;
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
      options_(options) {}

void EngineLoop::run() {
  runner_->attach_thread();
  while (!inbox_->stopped()) {
    accept(scheduler_.empty());
    end_cancelled();
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
  }
  accept(false);
  for (Sequence* sequence : scheduler_.sequences()) {
    finish(*sequence, {.finish = FinishReason::kCancelled});
  }
  publish();
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
    case Step::Kind::kIdle: return;
    case Step::Kind::kStart: return start(*step.sequences[0]);
    case Step::Kind::kEncodeMedium: return encode_medium(*step.sequences[0]);
    case Step::Kind::kPrefill: return prefill(*step.sequences[0], step.num_tokens);
    case Step::Kind::kDecode:
      make_room(step);
      return decode(step.sequences);
  }
}

void EngineLoop::preempt() {
  runner_->preempt(scheduler_.preempt_youngest());
  ++metrics_.num_preempted;
}

void EngineLoop::make_room(Step& step) {
  // Oldest first; the youngest are put back, so that the oldest always gets on.
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
  std::optional<ModelRunner::Start> start = runner_->start(sequence);
  if (!start) {
    if (scheduler_.num_running() == 1) {
      return finish(sequence, {.finish = FinishReason::kError, .error = cache_full(sequence)});
    }
    // Older ones hold the cache: this one waits, and those behind it with it.
    while (sequence.state != SequenceState::kWaiting) preempt();
    return;
  }
  // After a preemption a sequence finds what it computed itself.
  if (!sequence.started) {
    sequence.started = true;
    sequence.timings.queue_ms = ms_since(sequence.submitted);
    sequence.num_cached = start->num_cached;
    metrics_.cached_tokens += start->num_cached;
  }
  sequence.num_patches_done = sequence.num_patches;
  for (const size_t i : start->media_left) {
    sequence.num_patches_done -= sequence.request.input.media[i].grid.num_patches();
  }
  scheduler_.started(sequence, start->num_cached, std::move(start->media_left));
}

void EngineLoop::encode_medium(Sequence& sequence) {
  const int64_t num_patches =
      sequence.request.input.media[sequence.media_left[0]].grid.num_patches();
  const auto on_progress = [&](double fraction) {
    send_progress(sequence, Phase::kEncodingMedia,
                  sequence.num_patches_done +
                      static_cast<int64_t>(fraction * static_cast<double>(num_patches)),
                  sequence.num_patches);
    return !sequence.cancelled() && !inbox_->stopped();
  };
  on_progress(0);
  const auto start = Sequence::Clock::now();
  const bool done = runner_->encode_medium(sequence, on_progress);
  sequence.timings.vision_ms += ms_since(start);
  if (!done) return finish(sequence, {.finish = FinishReason::kCancelled});
  sequence.num_patches_done += num_patches;
  metrics_.encoded_patches += num_patches;
  scheduler_.medium_encoded(sequence);
  on_progress(0);
}

void EngineLoop::prefill(Sequence& sequence, int64_t num_tokens) {
  const bool again = sequence.num_generated() > 0;  // after a preemption
  if (!again && !sequence.reading) {
    sequence.reading = true;
    send_progress(sequence, Phase::kPrefill, sequence.num_computed, sequence.num_prompt);
  }
  const auto start = Sequence::Clock::now();
  std::vector<float> logits = runner_->prefill(sequence, num_tokens);
  sequence.timings.prefill_ms += ms_since(start);
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

void EngineLoop::decode(const std::vector<Sequence*>& sequences) {
  if (sequences.empty()) return;
  // Several sequences share the reading of the weights already.
  if (options_.draft_tokens > 0 && sequences.size() == 1 && speculate(*sequences[0])) return;
  std::vector<float> logits = runner_->decode(sequences);
  const auto vocab_size = static_cast<size_t>(runner_->vocab_size());
  GLMV_CHECK(logits.size() == sequences.size() * vocab_size);
  for (size_t i = 0; i < sequences.size(); ++i) {
    add_token(*sequences[i], std::span(logits).subspan(i * vocab_size, vocab_size));
  }
}

bool EngineLoop::speculate(Sequence& sequence) {
  const std::vector<int32_t> draft = look_up_next(sequence.tokens, options_.draft_tokens);
  if (draft.empty()) return false;
  std::optional<std::vector<float>> logits = runner_->verify(sequence, draft);
  if (!logits) return false;
  const auto vocab_size = static_cast<size_t>(runner_->vocab_size());
  GLMV_CHECK(logits->size() == (draft.size() + 1) * vocab_size);
  metrics_.drafted_tokens += std::ssize(draft);
  for (size_t i = 0;; ++i) {
    if (!add_token(sequence, std::span(*logits).subspan(i * vocab_size, vocab_size))) return true;
    // What was fed behind a wrong guess says nothing.
    if (i == draft.size() || sequence.tokens.back() != draft[i]) break;
    ++metrics_.accepted_tokens;
  }
  runner_->keep(sequence);
  return true;
}

bool EngineLoop::add_token(Sequence& sequence, std::span<float> logits) {
  Result<Generation::Outcome> outcome = sequence.generation->step(logits);
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
  sequence.handle->queue.push({.progress = Progress{phase, done, total}});
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
  inbox_->set_metrics(metrics_);
}

}  // namespace glmv::runtime
