#include "glmv/runtime/block_spiller.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "glmv/base/check.h"

namespace glmv::runtime {
namespace {

constexpr std::chrono::seconds kMaxDrain{20};
constexpr int kNice = 10;

}  // namespace

BlockSpiller::BlockSpiller(BlockStore& store, std::function<void(const std::string&)> on_warning)
    : store_(store), on_warning_(std::move(on_warning)), thread_([this] { run(); }) {}

BlockSpiller::~BlockSpiller() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kMaxDrain, [this] { return waiting_.empty() && !writing_; });
    waiting_.clear();
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BlockSpiller::put(SpillItem item) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) {
      done_.push_back(item.tag);
      return;
    }
    waiting_.push_back(std::move(item));
  }
  changed_.notify_all();
}

bool BlockSpiller::ok() const {
  const std::lock_guard lock(mutex_);
  return !failed_;
}

std::vector<int64_t> BlockSpiller::take_done() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

std::vector<int64_t> BlockSpiller::take_all() {
  std::unique_lock lock(mutex_);
  for (const SpillItem& item : waiting_) done_.push_back(item.tag);
  waiting_.clear();
  changed_.wait(lock, [this] { return !writing_; });
  return std::exchange(done_, {});
}

void BlockSpiller::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

int64_t BlockSpiller::num_written() const {
  const std::lock_guard lock(mutex_);
  return num_written_;
}

void BlockSpiller::run() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // of this thread
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    const SpillItem item = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    lock.unlock();
    const std::span<const std::byte> block = item.copy.empty() ? item.block : item.copy;
    const Result<void> saved = store_.save(item.key, item.parent, block);
    if (!saved && on_warning_) {
      on_warning_(fmt::format("prefixes are not written to {} any more: {}", store_.dir().string(),
                              saved.error().message));
    }
    lock.lock();
    writing_ = false;
    done_.push_back(item.tag);
    num_written_ += saved.has_value();
    if (!saved) {
      failed_ = true;
      for (const SpillItem& left : waiting_) done_.push_back(left.tag);
      waiting_.clear();
    }
    changed_.notify_all();
  }
}

}  // namespace glmv::runtime
