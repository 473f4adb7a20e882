#pragma once
// How far a pull is: a line that is drawn anew on a terminal, plain lines elsewhere. On stderr.

#include <chrono>
#include <deque>
#include <string>

#include "glmv/hub/pull.h"

namespace glmv::app {

class PullProgress final : public hub::PullObserver {
 public:
  enum class Show { kNothing, kPlainLines, kLiveLine };
  PullProgress(std::string name, Show show) : name_(std::move(name)), show_(show) {}
  ~PullProgress() override { clear_line(); }

  void on_plan(const hub::PullPlan& plan) override;
  void on_file(const hub::PullFile& file) override;
  void on_bytes(const hub::PullFile& file, int64_t present) override;
  void on_file_done(const hub::PullFile& file) override;
  void on_note(const std::string& text) override;
  bool wanted() override;

  // "34 % of 18.50 GB, 85.3 MB/s, 2 min 05 s left", as far as it is known.
  std::string overall() const;
  void clear_line();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(bool now);
  double bytes_per_second() const;

  const std::string name_;
  const Show show_;
  int64_t total_ = 0;
  int64_t here_ = 0;     // of all files
  int64_t in_file_ = 0;  // of the one that is fetched, at the last call
  std::string file_;
  size_t num_files_ = 0, num_done_ = 0;
  struct Sample {
    Clock::time_point time;
    int64_t fetched;
  };
  std::deque<Sample> samples_;  // of the last seconds
  int64_t fetched_ = 0;         // over the wire, in this run
  Clock::time_point last_draw_, last_line_ = Clock::now();
  bool drawn_ = false;
};

}  // namespace glmv::app
