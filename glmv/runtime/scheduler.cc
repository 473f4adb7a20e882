#include "glmv/runtime/scheduler.h"

#include <algorithm>
#include <utility>

#include "glmv/base/check.h"

namespace glmv::runtime {

Scheduler::Scheduler(SchedulerOptions options) : options_(options) {
  GLMV_CHECK(options_.max_running > 0 && options_.prefill_chunk_tokens > 0 &&
             options_.busy_chunk_tokens > 0);
}

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  GLMV_CHECK(sequence->num_prompt > 0 && sequence->state == SequenceState::kWaiting);
  waiting_.push_back(std::move(sequence));
}

void Scheduler::admit() {
  if (running_.empty()) admission_closed_ = false;
  while (!admission_closed_ && !waiting_.empty() && num_running() < options_.max_running) {
    waiting_.front()->state = SequenceState::kStarting;
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

Step Scheduler::next_step() {
  admit();
  Step decode{.kind = Step::Kind::kDecode};
  Sequence* oldest = nullptr;  // of those that are still reading their prompt
  for (const auto& sequence : running_) {
    if (sequence->state == SequenceState::kDecode) {
      decode.sequences.push_back(sequence.get());
    } else if (!oldest) {
      oldest = sequence.get();
    }
  }
  if (!oldest || (decode_turn_ && !decode.sequences.empty())) {
    decode_turn_ = false;
    return decode.sequences.empty() ? Step{} : decode;
  }
  if (oldest->state == SequenceState::kStarting) {
    return {.kind = Step::Kind::kStart, .sequences = {oldest}};
  }
  decode_turn_ = true;
  if (oldest->state == SequenceState::kEncoding) {
    return {.kind = Step::Kind::kEncodeMedium, .sequences = {oldest}};
  }
  int64_t chunk = options_.prefill_chunk_tokens;
  int64_t grid = chunk;
  if (!decode.sequences.empty() && options_.busy_chunk_tokens < chunk) {
    chunk = options_.busy_chunk_tokens;
    grid = std::min(chunk, kChunkGridTokens);
  }
  const int64_t begin = oldest->num_computed;
  const int64_t end = std::min((begin + chunk) / grid * grid, oldest->num_tokens());
  return {.kind = Step::Kind::kPrefill, .sequences = {oldest}, .num_tokens = end - begin};
}

void Scheduler::set_busy_chunk_tokens(int64_t num_tokens) {
  GLMV_CHECK(num_tokens > 0);
  options_.busy_chunk_tokens = num_tokens;
}

int64_t Scheduler::num_decoding() const {
  return std::ranges::count_if(
      running_, [](const auto& s) { return s->state == SequenceState::kDecode; });
}

void Scheduler::started(Sequence& sequence, int64_t num_computed,
                        std::vector<size_t> media_left) {
  GLMV_CHECK(sequence.state == SequenceState::kStarting && num_computed >= 0 &&
             num_computed < sequence.num_tokens());
  sequence.num_computed = num_computed;
  sequence.media_left = std::move(media_left);
  sequence.state =
      sequence.media_left.empty() ? SequenceState::kPrefill : SequenceState::kEncoding;
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

Sequence& Scheduler::preempt_youngest() {
  GLMV_CHECK(!running_.empty());
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
  admission_closed_ = true;
  Sequence& sequence = *waiting_.front();
  sequence.state = SequenceState::kWaiting;
  sequence.num_computed = 0;
  sequence.media_left.clear();
  return sequence;
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
  if (auto sequence = take(running_)) {
    admission_closed_ = false;
    return sequence;
  }
  return take(waiting_);
}

std::vector<Sequence*> Scheduler::sequences() const {
  std::vector<Sequence*> all;
  for (const auto& sequence : running_) all.push_back(sequence.get());
  for (const auto& sequence : waiting_) all.push_back(sequence.get());
  return all;
}

void Scheduler::check_integrity() const {
  GLMV_CHECK(num_running() <= options_.max_running, "invariant 2");
  RequestId last_id = 0;
  for (const Sequence* sequence : sequences()) {
    const Sequence& s = *sequence;
    GLMV_CHECK(s.handle->id > last_id, "invariants 1 and 3: request {} after {}", s.handle->id,
               last_id);
    last_id = s.handle->id;
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
        good = s.media_left.empty() && s.num_generated() > 0 &&
               s.num_computed == s.num_tokens() - 1;
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
