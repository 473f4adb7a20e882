#pragma once
// Writes blocks to a BlockStore on a thread of low priority, while the engine goes on.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "glmv/runtime/block_store.h"

namespace glmv::runtime {

struct SpillItem {
  Digest key, parent;
  std::span<const std::byte> block;  // stays as it is until the item is given back
  std::vector<std::byte> copy;  // or what `block` shows, where the memory itself cannot be read
  int64_t tag = 0;              // the caller's
};

// All functions are the owner's, from one thread.
class BlockSpiller {
 public:
  // `on_warning` is called once, on the writing thread, when writing fails: nothing is written
  // from then on. `store` outlives this.
  BlockSpiller(BlockStore& store, std::function<void(const std::string&)> on_warning);
  // Writes what waits, for kMaxDrain at most.
  ~BlockSpiller();

  // Not to be called after a failure (ok()).
  void put(SpillItem item);
  bool ok() const;

  // Tags of items that are done with, in any way.
  std::vector<int64_t> take_done();
  // Forgets what waits, ends what is being written, and returns the tags of all: the memory is
  // needed.
  std::vector<int64_t> take_all();
  // Until nothing waits.
  void drain();

  int64_t num_written() const;

 private:
  void run();

  BlockStore& store_;
  std::function<void(const std::string&)> on_warning_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SpillItem> waiting_;
  bool writing_ = false;
  bool failed_ = false;
  bool stopped_ = false;
  std::vector<int64_t> done_;
  int64_t num_written_ = 0;
  std::thread thread_;
};

}  // namespace glmv::runtime
