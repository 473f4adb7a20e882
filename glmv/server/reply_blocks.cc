#include "glmv/server/reply_blocks.h"

#include <utility>

namespace glmv::server {
namespace {

class NoListener final : public BlockListener {
 public:
  void opened(const ReplyBlock&) override {}
  void grown(const ReplyBlock&, const std::string&) override {}
  void closed(const ReplyBlock&) override {}
};

}  // namespace

void ReplyBlocks::add(const api::ChatChunk& chunk, BlockListener& listener) {
  if (include_reasoning_) grow(ReplyBlock::Kind::kReasoning, chunk.reasoning, listener);
  grow(ReplyBlock::Kind::kText, chunk.content, listener);
  for (const api::ToolCallDelta& call : chunk.tool_calls) {
    if (!call.name.empty()) {
      open({.kind = ReplyBlock::Kind::kCall, .call_id = call.id, .name = call.name}, listener);
    }
    if (call.arguments.empty()) continue;
    blocks_.back().text += call.arguments;
    listener.grown(blocks_.back(), call.arguments);
  }
}

void ReplyBlocks::grow(ReplyBlock::Kind kind, const std::string& piece, BlockListener& listener) {
  if (piece.empty()) return;
  if (!open_ || blocks_.back().kind != kind) open({.kind = kind}, listener);
  blocks_.back().text += piece;
  listener.grown(blocks_.back(), piece);
}

void ReplyBlocks::open(ReplyBlock block, BlockListener& listener) {
  end(listener);
  block.index = blocks_.size();
  blocks_.push_back(std::move(block));
  open_ = true;
  listener.opened(blocks_.back());
}

void ReplyBlocks::end(BlockListener& listener) {
  if (std::exchange(open_, false)) listener.closed(blocks_.back());
}

std::vector<ReplyBlock> blocks_of(const api::ChatReply& reply, bool include_reasoning) {
  NoListener listener;
  ReplyBlocks blocks(include_reasoning);
  api::ChatChunk chunk{.reasoning = reply.reasoning, .content = reply.content};
  for (size_t i = 0; i < reply.tool_calls.size(); ++i) {
    const api::ToolCall& call = reply.tool_calls[i];
    chunk.tool_calls.push_back({static_cast<int>(i), call.id, call.name, call.arguments});
  }
  blocks.add(chunk, listener);
  return blocks.blocks();
}

}  // namespace glmv::server
