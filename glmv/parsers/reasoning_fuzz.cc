// The first byte chooses the options, the second the cut; the rest is the output. Checks that every
// cut gives the same and that no byte is lost.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "glmv/base/check.h"
#include "glmv/parsers/reasoning.h"

namespace {

using glmv::parsers::ReasoningDelta;
using glmv::parsers::ReasoningParser;

struct Out {
  std::string reasoning, content, marked, conserved, calls;
  bool operator==(const Out&) const = default;
};

Out run(std::string_view text, size_t piece, glmv::parsers::ReasoningOptions options) {
  ReasoningParser parser(std::move(options));
  Out out;
  const auto take = [&](const ReasoningDelta& delta) {
    out.reasoning += delta.reasoning;
    out.content += delta.content;
    for (const auto& call : delta.calls) out.calls += call.name + call.arguments;
  };
  for (size_t at = 0; at < text.size(); at += piece) take(parser.feed(text.substr(at, piece)));
  take(parser.finish());
  out.marked = parser.result().marked_content;
  for (const auto& segment : parser.segments()) {
    if (segment.kind != glmv::parsers::SegmentKind::kInserted) out.conserved += segment.text;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  glmv::parsers::ReasoningOptions options;
  options.start = static_cast<glmv::parsers::StartState>(data[0] % 3);
  options.drop_restated = (data[0] & 4) != 0;
  if ((data[0] & 8) != 0) {
    options.tools = std::make_shared<const glmv::parsers::ToolSchemas>(glmv::Json::parse(
        R"([{"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}])"));
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Out whole = run(text, std::max<size_t>(text.size(), 1), options);
  GLMV_CHECK(whole.conserved == text);
  GLMV_CHECK(run(text, 1, options) == whole);
  GLMV_CHECK(run(text, data[1] % 32 + 1, options) == whole);
  glmv::parsers::parse_reasoning(text, options);
  return 0;
}
