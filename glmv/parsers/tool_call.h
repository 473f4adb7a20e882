#pragma once
// Reads tool calls of a GLM-V reply while it streams:
//   <tool_call>name\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>...</tool_call>
// (line breaks optional), and the JSON forms that models without this training write inside the
// tags:
// {"name": ..., "arguments": {...}} and name\n{...}. Fed by ReasoningParser, which finds the tags.
// The result does not depend on how the text was cut into pieces.

#include <string>
#include <string_view>
#include <vector>

#include "glmv/parsers/output_tags.h"
#include "glmv/parsers/tool_schema.h"

namespace glmv::parsers {

struct ParsedCall {
  std::string name;
  std::string arguments;  // JSON text, always a valid object
  bool complete = false;  // false: the output ended inside
};

// A piece of a call. The name comes once, whole, in the first piece; the arguments of all pieces
// make up ParsedCall::arguments.
struct ToolCallDelta {
  int index = 0;
  std::string name;
  std::string arguments;
};

class ToolCallParser {
 public:
  enum class Status {
    kOpen,       // inside a call
    kClosed,     // the call has ended
    kRestarted,  // the call has ended, or had no name, and with this <tool_call> another begins
    kRefused,    // it was no call: what came since begin() belongs to the text around
  };

  // `schemas` outlives this object.
  explicit ToolCallParser(const ToolSchemas& schemas) : schemas_(schemas) {}

  // Behind <tool_call>. `declared_only`: a name that is not declared makes no call.
  void begin(bool declared_only);
  Status on_text(std::string_view text, std::vector<ToolCallDelta>& deltas);
  Status on_tag(const OutputTag& tag, std::vector<ToolCallDelta>& deltas);
  // The output ended inside a call: closes its strings and objects; kRefused while it has no name.
  Status finish(std::vector<ToolCallDelta>& deltas);

  // The present call has a name: it was announced and is never refused.
  bool named() const { return state_ != State::kName; }
  const std::vector<ParsedCall>& calls() const { return calls_; }

 private:
  enum class State { kName, kArguments, kKey, kValueAwaited, kValue };

  bool end_name(bool call_ends, std::vector<ToolCallDelta>& deltas);
  void begin_value(std::vector<ToolCallDelta>& deltas);
  void end_value(std::vector<ToolCallDelta>& deltas);
  Status close(std::vector<ToolCallDelta>& deltas);
  void add(std::string arguments, std::vector<ToolCallDelta>& deltas);
  std::string key_json() const;

  const ToolSchemas& schemas_;
  State state_ = State::kName;
  bool declared_only_ = false;
  std::string name_;
  std::string key_;
  std::string value_;                  // of an argument that is not streamed
  ArgumentTypes types_ = kUndeclared;  // of the present key
  bool has_arguments_ = false;
  std::vector<ParsedCall> calls_;
};

}  // namespace glmv::parsers
