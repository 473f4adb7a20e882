// The first byte is the cut; the rest comes from the terminal. What it means may not depend on the
// cut, and text is always well-formed.

#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/base/utf8.h"
#include "glmv/terminal/edit_buffer.h"
#include "glmv/terminal/edit_view.h"
#include "glmv/terminal/key_decoder.h"

namespace {

using namespace glmv::terminal;

std::string run(std::string_view bytes, size_t piece) {
  KeyDecoder decoder;
  std::string all;
  for (size_t at = 0; at < bytes.size(); at += piece) decoder.feed(bytes.substr(at, piece));
  decoder.flush();
  while (const auto event = decoder.next()) {
    GLMV_CHECK(!glmv::find_invalid_utf8(event->text) || event->key == Key::kReport);
    all += static_cast<char>(event->key);
    all += event->text;
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = run(bytes, std::max<size_t>(bytes.size(), 1));
  GLMV_CHECK(run(bytes, data[0] % 7 + 1) == whole);
  EditBuffer buffer;
  buffer.insert(glmv::repair_utf8(whole));
  for (int i = 0; i < 5; ++i) {
    buffer.left();
    buffer.delete_before();
    const EditLayout layout = layout_text(buffer.text(), buffer.cursor(), ">>> ", "... ", 20, 5);
    GLMV_CHECK(layout.cursor_row < layout.rows.size());
    buffer.line_up();
  }
  return 0;
}
