#pragma once
// Ends a stream of text at the first stop string, which may arrive in pieces. The result does not
// depend on how the text is cut. One object per sequence; not thread-safe.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::text {

class StopStringMatcher {
 public:
  // Empty stop strings are ignored. With `include_stop`, the match itself is part of the output.
  explicit StopStringMatcher(const std::vector<std::string>& stop_strings,
                             bool include_stop = false);

  // Text that can be shown now. The longest end of the text that could be the start of a stop
  // string is held back. The match that is complete first wins, of these the longest. Returns
  // nothing once stopped.
  std::string push(std::string_view text);
  // What was held back, when the stream ends without a match.
  std::string finish();

  bool stopped() const { return stopped_; }
  // The stop string that matched; empty before that.
  const std::string& matched() const { return matched_; }

 private:
  // Knuth-Morris-Pratt: `state` is the length of the longest prefix of `text` that the stream ends
  // with.
  struct Stop {
    std::string text;
    std::vector<size_t> failure;
    size_t state = 0;
  };
  static void advance(Stop& stop, char byte);

  std::vector<Stop> stops_;
  bool include_stop_;
  bool stopped_ = false;
  std::string held_;
  std::string matched_;
};

}  // namespace glmv::text
