#pragma once
// A reply as blocks that open, grow and close one after the other: thought, text, calls. For
// dialects that number them.

#include <string>
#include <vector>

#include "glmv/api/chat_types.h"

namespace glmv::server {

struct ReplyBlock {
  enum class Kind { kReasoning, kText, kCall };
  Kind kind = Kind::kText;
  size_t index = 0;  // among the blocks
  std::string text;  // of a call: its arguments
  std::string call_id, name;
};

class BlockListener {
 public:
  virtual ~BlockListener() = default;
  virtual void opened(const ReplyBlock& block) = 0;
  virtual void grown(const ReplyBlock& block, const std::string& piece) = 0;
  virtual void closed(const ReplyBlock& block) = 0;
};

class ReplyBlocks {
 public:
  // Without `include_reasoning` thoughts make no blocks.
  explicit ReplyBlocks(bool include_reasoning) : include_reasoning_(include_reasoning) {}

  void add(const api::ChatChunk& chunk, BlockListener& listener);
  // Closes the last block.
  void end(BlockListener& listener);
  const std::vector<ReplyBlock>& blocks() const { return blocks_; }

 private:
  void grow(ReplyBlock::Kind kind, const std::string& piece, BlockListener& listener);
  void open(ReplyBlock block, BlockListener& listener);

  const bool include_reasoning_;
  std::vector<ReplyBlock> blocks_;
  bool open_ = false;
};

// Of a whole reply.
std::vector<ReplyBlock> blocks_of(const api::ChatReply& reply, bool include_reasoning);

}  // namespace glmv::server
