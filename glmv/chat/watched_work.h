#pragma once
// Work on the media of a request that somebody watches and may give up.

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "glmv/api/chat_backend.h"
#include "glmv/processing/preparation.h"

namespace glmv::chat {

// Of a step, for who watches.
api::ChatChunk progress_of(const processing::PreparationStep& step);

// Runs `work(preparation)`, which returns a Result, on a thread of its own; on this one `on_chunk`
// hears meanwhile how far it is. Where that says no: cancelled, as soon as the work has ended.
// Without `on_chunk`: on this thread, with null.
template <class Work>
auto watched(const api::OnChunk& on_chunk, const Work& work)
    -> std::invoke_result_t<Work, processing::Preparation*> {
  if (!on_chunk) return work(nullptr);
  processing::Preparation preparation;
  auto future = std::async(std::launch::async, [&] { return work(&preparation); });
  // Where `on_chunk` throws, the work is waited for and should end soon.
  const std::unique_ptr<processing::Preparation, void (*)(processing::Preparation*)> stopped_at_end(
      &preparation, [](processing::Preparation* p) { p->stop(); });
  while (future.wait_for(kWantedInterval) != std::future_status::ready) {
    if (preparation.is_stopped()) continue;
    if (!on_chunk(progress_of(preparation.step()))) preparation.stop();
  }
  auto result = future.get();
  if (preparation.is_stopped()) return cancelled("stopped while its media were read");
  return result;
}

}  // namespace glmv::chat
