// The first byte is the cut, the second the width; the rest is an answer. No line is wider than the
// screen, and the blocks do not depend on the cut.

#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/markdown_render.h"

namespace {

using namespace glmv::terminal;

std::vector<Block> run(std::string_view text, size_t piece) {
  BlockStream stream;
  std::vector<Block> all;
  for (size_t at = 0; at < text.size(); at += piece) {
    for (Block& block : stream.feed(text.substr(at, piece))) all.push_back(std::move(block));
  }
  for (Block& block : stream.finish()) all.push_back(std::move(block));
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text = printable({reinterpret_cast<const char*>(data) + 2, size - 2});
  const int width = 12 + data[1] % 80;
  const std::vector<Block> whole = run(text, std::max<size_t>(text.size(), 1));
  const std::vector<Block> cut = run(text, data[0] % 9 + 1);
  GLMV_CHECK(whole.size() == cut.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    GLMV_CHECK(whole[i].kind == cut[i].kind && whole[i].source == cut[i].source);
    for (const bool colour : {false, true}) {
      for (const std::string& line : render_block(whole[i], {width, colour, true})) {
        const bool fence = whole[i].kind == BlockKind::kCodeLine ||
                           whole[i].kind == BlockKind::kFenceOpen ||
                           whole[i].kind == BlockKind::kFenceClose;
        GLMV_CHECK(fence || display_width(line) <= width + 8);
      }
    }
  }
  return 0;
}
