#pragma once
// How many tokens are worth guessing: from how often the guesses of a sequence were right and from
// how long steps of one and of several tokens took. Guesses never change a reply, only its pace.

#include <array>
#include <cstdint>

namespace glmv::runtime {

inline constexpr int64_t kMaxDraftTokens = 64;  // guessed at once

// How often guesses of one kind were right in one sequence; later ones count more.
class DraftRecord {
 public:
  void add(bool right);
  // Of the next guess, if those before it were right.
  double share_right() const { return share_; }

 private:
  double share_ = 0.5;
};

class DraftPlanner {
 public:
  // `most`: tokens guessed at once; as many are always guessed unless `adaptive`.
  DraftPlanner(int64_t most, bool adaptive) : most_(most), adaptive_(adaptive) {}

  struct Plan {
    int64_t num_tokens = 0;
    double gain = 1;  // expected pace beside that without guesses
  };
  // For guesses of which `available` can be had, each after `ms_each`.
  Plan plan(const DraftRecord& record, int64_t available, double ms_each) const;

  // A pass of `num_tokens` tokens of one sequence, guesses and the one before them.
  void observe(int64_t num_tokens, double ms);

  // The model's own layer made so many guesses.
  void observe_guess(int64_t num_tokens, double ms);
  double ms_guess() const { return ms_guess_; }

  int64_t most() const { return most_; }

 private:
  double ms_of(int64_t num_tokens) const;

  int64_t most_;
  bool adaptive_;
  std::array<double, kMaxDraftTokens + 2> ms_{};  // by tokens; 0: unknown
  double ms_guess_ = 0;
};

}  // namespace glmv::runtime
