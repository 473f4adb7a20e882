#pragma once
// The lines of a batch: one request each, one answer each. Private to batch.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "glmv/base/json.h"
#include "glmv/net/http_types.h"

namespace glmv::server {

struct BatchLine {
  int64_t number = 0;  // from 1
  std::string custom_id;
  net::HttpRequest request;
  std::string error, error_code;  // why it is no request; empty: it is one
};
// Never fails: what is wrong stands in the line.
BatchLine parse_batch_line(std::string_view text, int64_t number);

Json answer_json(const std::string& custom_id, int status, const std::string& request_id,
                 const std::string& body);
Json bad_line_json(const BatchLine& line);

// The number of the input's line that an answer says is no request.
std::optional<int64_t> done_line(const Json& answer);
// Adds the tokens that an answer reports.
void add_usage(const Json& answer, int64_t& prompt_tokens, int64_t& completion_tokens);
bool is_blank(std::string_view line);

}  // namespace glmv::server
