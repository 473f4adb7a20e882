#include "glmv/runtime/scheduler.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "glmv/base/check.h"

namespace glmv::runtime {
namespace {

using Sequences = std::vector<std::unique_ptr<Sequence>>;

bool before(const std::unique_ptr<Sequence>& a, const std::unique_ptr<Sequence>& b) {
  return comes_before(*a, *b);
}

void insert(Sequences& sequences, std::unique_ptr<Sequence> sequence) {
  const auto at = std::ranges::upper_bound(sequences, sequence, before);
  sequences.insert(at, std::move(sequence));
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options) : options_(options) {
  GLMV_CHECK(options_.max_running > 0 && options_.prefill_chunk_tokens > 0 &&
             options_.busy_chunk_tokens > 0 && options_.max_passed > 0);
}

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  GLMV_CHECK(sequence->num_prompt > 0 && sequence->state == SequenceState::kWaiting);
  insert(waiting_, std::move(sequence));
}

void Scheduler::admit() {
  if (running_.empty()) admission_closed_ = false;
  while (!admission_closed_ && !waiting_.empty() && num_running() < options_.max_running) {
    std::unique_ptr<Sequence> sequence = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    sequence->state = SequenceState::kStarting;
    const RequestId id = sequence->handle->id;
    insert(running_, std::move(sequence));
    count_passed(id);
  }
}

void Scheduler::count_passed(RequestId admitted) {
  bool aged = false;
  for (Sequence* sequence : sequences()) {
    if (sequence->handle->id >= admitted || sequence->state == SequenceState::kDecode ||
        ++sequence->times_passed != options_.max_passed) {
      continue;
    }
    sequence->rank = kTopRank;
    aged = true;
  }
  if (!aged) return;
  std::ranges::sort(waiting_, before);
  std::ranges::sort(running_, before);
}

Step Scheduler::next_step() {
  admit();
  Step decode{.kind = Step::Kind::kDecode};
  Sequence* first = nullptr;  // of those that are still reading their prompt
  for (const auto& sequence : running_) {
    if (sequence->state == SequenceState::kDecode) {
      decode.sequences.push_back(sequence.get());
    } else if (!first) {
      first = sequence.get();
    }
  }
  if (!first || (decode_turn_ && !decode.sequences.empty())) {
    decode_turn_ = false;
    return decode.sequences.empty() ? Step{} : decode;
  }
  if (first->state == SequenceState::kStarting) {
    return {.kind = Step::Kind::kStart, .sequences = {first}};
  }
  decode_turn_ = true;
  if (first->state == SequenceState::kEncoding) {
    return {.kind = Step::Kind::kEncodeMedium, .sequences = {first}};
  }
  int64_t chunk = options_.prefill_chunk_tokens;
  int64_t grid = chunk;
  if (!decode.sequences.empty() && options_.busy_chunk_tokens < chunk) {
    chunk = options_.busy_chunk_tokens;
    grid = std::min(chunk, kChunkGridTokens);
  }
  const int64_t begin = first->num_computed;
  const int64_t end = std::min((begin + chunk) / grid * grid, first->num_tokens());
  return {.kind = Step::Kind::kPrefill, .sequences = {first}, .num_tokens = end - begin};
}

void Scheduler::set_busy_chunk_tokens(int64_t num_tokens) {
  GLMV_CHECK(num_tokens > 0);
  options_.busy_chunk_tokens = num_tokens;
}

int64_t Scheduler::num_started() const {
  return std::ranges::count_if(running_,
                               [](const auto& s) { return s->state != SequenceState::kStarting; });
}

int64_t Scheduler::num_decoding() const {
  return std::ranges::count_if(running_,
                               [](const auto& s) { return s->state == SequenceState::kDecode; });
}

void Scheduler::started(Sequence& sequence, int64_t num_computed, std::vector<size_t> media_left) {
  GLMV_CHECK(sequence.state == SequenceState::kStarting && num_computed >= 0 &&
             num_computed < sequence.num_tokens());
  sequence.num_computed = num_computed;
  sequence.media_left = std::move(media_left);
  sequence.state = sequence.media_left.empty() ? SequenceState::kPrefill : SequenceState::kEncoding;
}

void Scheduler::medium_encoded(Sequence& sequence) {
  GLMV_CHECK(sequence.state == SequenceState::kEncoding);
  sequence.media_left.erase(sequence.media_left.begin());
  if (sequence.media_left.empty()) sequence.state = SequenceState::kPrefill;
}

void Scheduler::prefilled(Sequence& sequence, int64_t num_tokens) {
  GLMV_CHECK(sequence.state == SequenceState::kPrefill && num_tokens > 0 &&
             sequence.num_computed + num_tokens <= sequence.num_tokens());
  sequence.num_computed += num_tokens;
}

void Scheduler::token_generated(Sequence& sequence, int32_t token_id) {
  if (sequence.state == SequenceState::kDecode) {
    ++sequence.num_computed;
  } else {
    GLMV_CHECK(sequence.state == SequenceState::kPrefill);
    sequence.state = SequenceState::kDecode;
  }
  GLMV_CHECK(sequence.num_computed == sequence.num_tokens());
  sequence.tokens.push_back(token_id);
}

void Scheduler::wait_again(std::unique_ptr<Sequence> sequence) {
  sequence->state = SequenceState::kWaiting;
  sequence->num_computed = 0;
  sequence->media_left.clear();
  admission_closed_ = true;
  insert(waiting_, std::move(sequence));
}

Sequence& Scheduler::preempt_last() {
  GLMV_CHECK(!running_.empty());
  Sequence& sequence = *running_.back();
  wait_again(std::move(running_.back()));
  running_.pop_back();
  return sequence;
}

void Scheduler::put_back_starting() {
  for (size_t i = running_.size(); i-- > 0;) {
    if (running_[i]->state != SequenceState::kStarting) continue;
    wait_again(std::move(running_[i]));
    running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
  }
}

std::unique_ptr<Sequence> Scheduler::remove(RequestId id) {
  const auto take = [id](auto& sequences) -> std::unique_ptr<Sequence> {
    const auto it =
        std::ranges::find_if(sequences, [id](const auto& s) { return s->handle->id == id; });
    if (it == sequences.end()) return nullptr;
    std::unique_ptr<Sequence> sequence = std::move(*it);
    sequences.erase(it);
    return sequence;
  };
  std::unique_ptr<Sequence> sequence = take(running_);
  if (!sequence) sequence = take(waiting_);
  if (sequence) admission_closed_ = false;
  return sequence;
}

std::vector<Sequence*> Scheduler::sequences() const {
  std::vector<Sequence*> all;
  for (const auto& sequence : running_) all.push_back(sequence.get());
  for (const auto& sequence : waiting_) all.push_back(sequence.get());
  return all;
}

void Scheduler::check_integrity() const {
  GLMV_CHECK(num_running() <= options_.max_running, "invariant 2");
  std::set<RequestId> ids;
  const auto check_order = [](const Sequences& all) {
    const auto at = std::ranges::adjacent_find(all, std::not_fn(before));
    GLMV_CHECK(at == all.end(), "invariant 3: request {} before its turn", (*at)->handle->id);
  };
  check_order(running_);
  check_order(waiting_);
  for (const Sequence* sequence : sequences()) {
    const Sequence& s = *sequence;
    GLMV_CHECK(ids.insert(s.handle->id).second, "invariant 1: two requests {}", s.handle->id);
    GLMV_CHECK(s.rank == (s.times_passed < options_.max_passed ? s.request.priority : kTopRank),
               "invariant 3: request {} has rank {}", s.handle->id, s.rank);
    bool good = false;
    switch (s.state) {
      case SequenceState::kWaiting:
      case SequenceState::kStarting:
        good = s.num_computed == 0 && s.media_left.empty();
        break;
      case SequenceState::kEncoding:
        good = s.num_computed >= 0 && s.num_computed < s.num_tokens() && !s.media_left.empty();
        break;
      case SequenceState::kPrefill:
        good = s.num_computed >= 0 && s.num_computed < s.num_tokens() && s.media_left.empty();
        break;
      case SequenceState::kDecode:
        good =
            s.media_left.empty() && s.num_generated() > 0 && s.num_computed == s.num_tokens() - 1;
        break;
    }
    GLMV_CHECK(good, "invariant 4 or 5: request {} in state {}: {} media left, {} of {} tokens",
               s.handle->id, sequence_state_name(s.state), s.media_left.size(), s.num_computed,
               s.num_tokens());
  }
  for (const auto& s : running_) {
    GLMV_CHECK(s->state != SequenceState::kWaiting, "invariant 4");
  }
  for (const auto& s : waiting_) {
    GLMV_CHECK(s->state == SequenceState::kWaiting, "invariant 4");
  }
}

}  // namespace glmv::runtime
