// Any JSON is a schema that can be compiled, or an error; sources of grammars are checked in
// bounded time.

#include <cstdint>
#include <cstdlib>

#include "glmv/runtime/grammar_source.h"
#include "glmv/runtime/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  const std::string text(reinterpret_cast<const char*>(data), size);
  using Kind = runtime::GrammarKind;
  for (const Kind kind : {Kind::kRegex, Kind::kEbnf, Kind::kStructuralTag}) {
    (void)runtime::check_grammar_source({kind, text}, {});
  }
  (void)runtime::parse_choices(text);
  (void)runtime::gbnf_to_ebnf(text);
  (void)runtime::unfold_optional_groups(text);
  const auto schema = parse_json(text, "");
  if (!schema) return 0;
  const auto prepared = runtime::prepare_json_schema(*schema);
  if (prepared && !parse_json(prepared->dump(-1, ' ', false, Json::error_handler_t::replace), "")) {
    std::abort();
  }
  return 0;
}
