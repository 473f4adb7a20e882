// Template bytes, and rendering whatever parses: no crash, hang or leak on any input.
#include <cstddef>
#include <cstdint>
#include <string>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_eval.h"
#include "glmv/text/jinja_parser.h"

using namespace glmv;
using namespace glmv::text;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto program = jinja::parse_template({reinterpret_cast<const char*>(data), size});
  if (!program) return 0;
  static const Json kMessages = Json::parse(
      R"([{"role":"user","content":[{"type":"text","text":" h\u00e9 "},{"type":"image"}]},
          {"role":"assistant","content":"a</think>b","tool_calls":[{"name":"f",
           "arguments":{"x":1,"y":[1.5,null,true]}}]}])");
  jinja::Limits limits;
  limits.max_steps = 200'000;
  limits.max_string_bytes = 1 << 20;
  const auto out = jinja::run_template(*program,
                                       {{"messages", jinja::from_json(kMessages, true)},
                                        {"tools", jinja::Value::none()},
                                        {"x", jinja::Value::string("ab\xC3\xA9 cd", true)},
                                        {"add_generation_prompt", jinja::Value::boolean(true)}},
                                       limits);
  if (!out) return 0;
  if (find_invalid_utf8(out->text.bytes())) __builtin_trap();
  size_t end = 0;
  for (const auto& mark : out->text.marks()) {
    if (mark.begin < end || mark.end <= mark.begin || mark.end > out->text.size()) __builtin_trap();
    end = mark.end;
  }
  return 0;
}
