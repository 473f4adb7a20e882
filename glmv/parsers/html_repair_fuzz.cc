// libFuzzer target: what comes out does not depend on the cut; the detector of the demo
// programs takes anything.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/parsers/html_compat.h"
#include "glmv/parsers/html_repair.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = size_t{1} + data[0] % 32;
  parsers::HtmlRepair repair;
  parsers::HtmlCompat compat((data[0] & 32) != 0);
  std::string out;
  for (size_t i = 0; i < text.size(); i += step) {
    out += repair.push(text.substr(i, step));
    compat.push(text.substr(i, step));
  }
  out += repair.finish();
  compat.finish();
  GLMV_CHECK(out == parsers::repair_html(text));
  GLMV_CHECK(parsers::html_start(text) <= text.size());
  return 0;
}
