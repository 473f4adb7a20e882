#pragma once
// What runs on the engine thread: takes requests from the inbox, steps the scheduler, runs the
// model, turns logits into events. Private to this folder.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "glmv/runtime/chunk_sizer.h"
#include "glmv/runtime/draft_planner.h"
#include "glmv/runtime/metrics.h"
#include "glmv/runtime/model_runner.h"
#include "glmv/runtime/scheduler.h"

namespace glmv::runtime {

// Between all threads and the engine thread. Outlives the engine in its streams.
class Inbox {
 public:
  // Gives the next id; ids grow in the order of the queue. `sequence` must have its handle.
  // unavailable when the engine thread has ended by an error.
  Result<void> put(std::unique_ptr<Sequence> sequence);
  void cancel(RequestId id);
  void forget(RequestId id);
  void stop();
  // The engine thread has ended by `error`: every open request gets it. Later ones learn only that
  // it has ended.
  void die(const Status& error);
  std::optional<Status> death() const;
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

  // Everything that came in; blocks for something (or stop) when `wait`.
  std::vector<std::unique_ptr<Sequence>> take(bool wait);

  EngineMetrics metrics() const;
  void set_metrics(const EngineMetrics& metrics);

  // The engine thread's signs of life, for a watchdog that reads metrics().
  void begin_step();
  void show_life();  // within a long step
  void end_step();

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::unique_ptr<Sequence>> arrived_;
  std::unordered_map<RequestId, std::weak_ptr<RequestHandle>> handles_;
  RequestId last_id_ = 0;
  std::atomic<bool> stopped_ = false;
  std::atomic<int64_t> num_steps_ = 0;
  std::atomic<int64_t> step_start_ns_ = 0;  // of a steady clock; 0: none runs
  EngineMetrics metrics_;
  std::optional<Status> death_;
};

struct LoopOptions {
  int64_t draft_tokens = 0;      // at most, at once
  bool adaptive_drafts = false;  // as many as pay, else always so many
  int64_t decode_batch = 8;      // as EngineOptions
  // While others decode, no step of reading or encoding is meant to take longer.
  double max_step_ms = 500;
  bool check_integrity = false;
};

class EngineLoop {
 public:
  EngineLoop(std::shared_ptr<Inbox> inbox, std::unique_ptr<ModelRunner> runner,
             SchedulerOptions scheduling, LoopOptions options);

  // Until the inbox is stopped; then every open request ends as cancelled. Errors of a step end its
  // requests; an exception that leaves this function is a bug and ends the engine (run_engine).
  void run();

  // One turn of run(), for tests: takes what came in (waits for it when `wait` and there is nothing
  // else to do), does a step.
  void step(bool wait);
  // Puts the last running sequence back, as when the cache is full; nothing without one.
  void preempt();
  const Scheduler& scheduler() const { return scheduler_; }

 private:
  void accept(bool wait);
  void end_cancelled();
  void do_step(Step& step);
  // Puts younger sequences back until every sequence of the step has room for its next token.
  // Sequences that were put back themselves leave the step.
  void make_room(Step& step);
  void start(Sequence& sequence);
  void encode_medium(Sequence& sequence);
  void prefill(Sequence& sequence, int64_t num_tokens);
  void decode(std::span<Sequence* const> sequences);
  // The next token of one sequence, or several where guesses were right.
  void decode_alone(Sequence& sequence);
  DraftPlanner::Plan plan_guesses(Sequence& sequence) const;
  // Takes those of `draft` that are right, and one more; false: there was no room to try.
  bool verify(Sequence& sequence, std::span<const int32_t> draft, DraftRecord& record);
  // False when the sequence ended with it.
  bool add_token(Sequence& sequence, std::span<float> logits);
  void send_progress(Sequence& sequence, Phase phase, int64_t done, int64_t total);
  // Takes the sequence out of the scheduler and sends its last event.
  void finish(Sequence& sequence, TokenEvent last);
  void fail(const std::vector<Sequence*>& sequences, const std::exception& error);
  void publish();

  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<ModelRunner> runner_;
  Scheduler scheduler_;
  EngineMetrics metrics_;
  LoopOptions options_;
  ChunkSizer chunk_sizer_;
  DraftPlanner draft_planner_;
};

// EngineLoop::run(), and Inbox::die() where it throws. The body of the engine thread.
void run_engine(const std::shared_ptr<Inbox>& inbox, EngineLoop loop);

}  // namespace glmv::runtime
