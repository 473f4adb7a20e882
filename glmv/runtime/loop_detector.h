#pragma once
// Finds degenerate repetition in an output while it grows: after the removal of
// table rules and runs of filler characters, a window of 50 characters that occurs 10 times.

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace glmv::runtime {

inline constexpr size_t kLoopWindow = 50;  // code points
inline constexpr int kLoopCount = 10;

// The definition, on a whole text: O(n). The tracker below equals it on every prefix.
// 1. "|", one or more "-", "|" becomes "|" (leftmost, not overlapping). 2. For each filler
// character in turn, runs of three or more are deleted. 3. Any window seen kLoopCount times.
bool has_loop(std::u32string_view text);

class LoopTracker {
 public:
  LoopTracker();

  // Appends text bytes (UTF-8 in any cut; an ill-formed sequence counts as U+FFFD). True when
  // has_loop() of the text so far; an incomplete character at the end is not yet part of it.
  bool push(std::string_view bytes);

 private:
  // The removal rules as a chain of stages, each of which may hold a few characters back.
  struct Filter {
    bool bar = false;               // stage 0: a "|" is held ...
    size_t num_dashes = 0;          // ... followed by so many "-"
    std::array<uint8_t, 13> run{};  // stage i + 1: held characters of a run; 3 means "deleting"

    void put(char32_t c, std::u32string& out);
    void put_run(size_t stage, char32_t c, std::u32string& out);
    void finish(std::u32string& out);
  };

  bool loops_with(const std::u32string& tail) const;
  void append(char32_t c);

  Filter filter_;
  std::string partial_;                            // an incomplete UTF-8 character
  std::deque<char32_t> last_;                      // the last kLoopWindow - 1 settled characters
  uint64_t hash_ = 0;                              // of last_
  std::unordered_map<uint64_t, int> num_windows_;  // by hash
  bool found_ = false;
};

}  // namespace glmv::runtime
