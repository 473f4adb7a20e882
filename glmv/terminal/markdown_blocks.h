#pragma once
// Markdown that is still being written, cut into blocks.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::terminal {

enum class BlockKind {
  kParagraph,
  kHeading,
  kItem,  // of a list, with its continuation lines
  kQuote,
  kTable,
  kMath,  // a formula on lines of its own
  kRule,
  kFenceOpen,  // ```lang
  kCodeLine,   // a line inside a fence: code is done line by line
  kFenceClose,
  kBlank,
};

struct Block {
  BlockKind kind = BlockKind::kParagraph;
  std::string source;  // its lines, without the last newline
};

class BlockStream {
 public:
  // Blocks that this text completes, in order. A block ends with a blank line, with the line that
  // begins another one, or by its own last line (fences, headings, formulas).
  std::vector<Block> feed(std::string_view text);
  // The end of the text: the last block.
  std::vector<Block> finish();

  // What is not complete, the line that is being written included; "" when there is nothing.
  Block open() const;
  // A fence is open; what ends now may go on.
  bool in_fence() const { return fence_ != 0; }

 private:
  void on_line(std::string line, std::vector<Block>& out);
  void close(std::vector<Block>& out);
  void append(const std::string& line);
  bool start_table(const std::string& line, std::vector<Block>& out);

  bool has_open_ = false;
  Block open_;
  std::string line_;  // that is being written
  char fence_ = 0;    // its character; 0: none is open
  size_t fence_size_ = 0;
  std::string_view math_end_;
};

// Kind of the block that a line begins, as far as the line alone tells.
BlockKind line_kind(std::string_view line);
// "|---|:--|"
bool is_table_rule(std::string_view line);

}  // namespace glmv::terminal
