#include "glmv/parsers/tool_call.h"

#include <optional>
#include <utility>

#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

// A call whose arguments are one JSON object.
struct JsonCall {
  std::string name;
  Json arguments = Json::object();
};

// {"name": ..., "arguments": {...}}, or name {...}. nullopt: no such call.
std::optional<JsonCall> read_json_call(std::string_view text) {
  const size_t brace = text.find('{');
  Result<Json> json = parse_json(text.substr(brace), "call");
  if (!json || !json->is_object()) return std::nullopt;
  if (brace > 0) return JsonCall{std::string(trim_white_space(text.substr(0, brace))), *json};
  const auto name = json->find("name");
  if (name == json->end() || !name->is_string()) return std::nullopt;
  JsonCall call{.name = name->get<std::string>()};
  for (const char* key : {"arguments", "parameters"}) {
    if (const auto it = json->find(key); it != json->end()) call.arguments = *it;
  }
  return call.arguments.is_object() ? std::optional(call) : std::nullopt;
}

}  // namespace

void ToolCallParser::begin(bool declared_only) {
  state_ = State::kName;
  declared_only_ = declared_only;
  name_.clear();
  key_.clear();
  value_.clear();
  has_arguments_ = false;
}

ToolCallParser::Status ToolCallParser::on_text(std::string_view text,
                                               std::vector<ToolCallDelta>& deltas) {
  switch (state_) {
    case State::kName:
      name_ += text;
      break;
    case State::kKey:
      key_ += text;
      break;
    case State::kValue:
      if (types_ == kStringType) {
        add(json_escaped(text), deltas);
      } else {
        value_ += text;
      }
      break;
    case State::kArguments:
    case State::kValueAwaited:  // only white space belongs here
      break;
  }
  return Status::kOpen;
}

ToolCallParser::Status ToolCallParser::on_tag(const OutputTag& tag,
                                              std::vector<ToolCallDelta>& deltas) {
  if (tag.kind == TagKind::kRole || tag.kind == TagKind::kWrapper ||
      tag.kind == TagKind::kBoxBegin || tag.kind == TagKind::kBoxEnd) {
    return Status::kOpen;
  }
  switch (state_) {
    case State::kName:
      if (tag.kind == TagKind::kToolCall) return Status::kRestarted;
      if (tag.kind == TagKind::kArgKey) {
        if (!end_name(false, deltas)) return Status::kRefused;
        state_ = State::kKey;
      } else if (tag.kind == TagKind::kToolCallClose) {
        return end_name(true, deltas) ? close(deltas) : Status::kRefused;
      } else {
        name_ += tag.text;
      }
      return Status::kOpen;
    case State::kArguments:
      if (tag.kind == TagKind::kArgKey) {
        key_.clear();
        state_ = State::kKey;
      } else if (tag.kind == TagKind::kToolCallClose) {
        return close(deltas);
      } else if (tag.kind == TagKind::kToolCall) {
        close(deltas);
        return Status::kRestarted;
      }
      return Status::kOpen;
    case State::kKey:
      if (tag.kind == TagKind::kArgKeyClose) {
        state_ = State::kValueAwaited;
      } else if (tag.kind == TagKind::kArgValue) {
        begin_value(deltas);
      } else if (tag.kind == TagKind::kToolCallClose) {
        return close(deltas);
      } else {
        key_ += tag.text;
      }
      return Status::kOpen;
    case State::kValueAwaited:
      if (tag.kind == TagKind::kArgValue) {
        begin_value(deltas);
      } else if (tag.kind == TagKind::kArgKey) {
        key_.clear();
        state_ = State::kKey;
      } else if (tag.kind == TagKind::kToolCallClose) {
        return close(deltas);
      }
      return Status::kOpen;
    case State::kValue:
      if (tag.kind == TagKind::kArgValueClose) {
        end_value(deltas);
        return Status::kOpen;
      }
      if (tag.kind == TagKind::kToolCallClose) {
        end_value(deltas);
        return close(deltas);
      }
      return on_text(tag.text, deltas);
  }
  return Status::kOpen;
}

// The name is complete; `call_ends`: </tool_call> follows. False: this is no call.
bool ToolCallParser::end_name(bool call_ends, std::vector<ToolCallDelta>& deltas) {
  const std::string_view text = trim_white_space(name_);
  JsonCall call;
  if (call_ends && text.find('{') != text.npos) {
    std::optional<JsonCall> found = read_json_call(text);
    if (!found) return false;
    call = std::move(*found);
  } else {
    call.name = text;
  }
  if (call.name.empty() || (declared_only_ && !schemas_.has(call.name))) return false;
  state_ = State::kArguments;
  deltas.push_back({.index = static_cast<int>(calls_.size()), .name = call.name});
  calls_.push_back({.name = std::move(call.name)});
  if (!call.arguments.empty()) {
    std::string inner = spaced_json(call.arguments);
    inner.pop_back();  // close() ends it
    add(std::move(inner), deltas);
    has_arguments_ = true;
  }
  return true;
}

std::string ToolCallParser::key_json() const {
  return std::string(has_arguments_ ? ", " : "{") + '"' + json_escaped(trim_white_space(key_)) +
         "\": ";
}

void ToolCallParser::begin_value(std::vector<ToolCallDelta>& deltas) {
  state_ = State::kValue;
  value_.clear();
  types_ = schemas_.types(calls_.back().name, trim_white_space(key_));
  if (types_ != kStringType) return;
  add(key_json() + '"', deltas);
  has_arguments_ = true;
}

void ToolCallParser::end_value(std::vector<ToolCallDelta>& deltas) {
  state_ = State::kArguments;
  if (types_ == kStringType) return add("\"", deltas);
  add(key_json() + argument_json(value_, types_), deltas);
  has_arguments_ = true;
}

ToolCallParser::Status ToolCallParser::close(std::vector<ToolCallDelta>& deltas) {
  add(has_arguments_ ? "}" : "{}", deltas);
  calls_.back().complete = true;
  return Status::kClosed;
}

ToolCallParser::Status ToolCallParser::finish(std::vector<ToolCallDelta>& deltas) {
  if (state_ == State::kName) return Status::kRefused;
  // A value of another type than string may be cut in its middle: it is left out.
  if (state_ == State::kValue && types_ == kStringType) add("\"", deltas);
  add(has_arguments_ ? "}" : "{}", deltas);
  return Status::kClosed;
}

void ToolCallParser::add(std::string arguments, std::vector<ToolCallDelta>& deltas) {
  calls_.back().arguments += arguments;
  const int index = static_cast<int>(calls_.size()) - 1;
  if (!deltas.empty() && deltas.back().index == index) {
    deltas.back().arguments += arguments;
  } else {
    deltas.push_back({.index = index, .arguments = std::move(arguments)});
  }
}

}  // namespace glmv::parsers
