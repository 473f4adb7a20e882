#pragma once
// Reads tests/cases/<name>.jsonl.

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/base/json.h"

namespace glmv::parsers {

inline std::vector<Json> read_cases(const std::string& name) {
  const auto text = read_file(std::string(GLMV_SOURCE_DIR) + "/tests/cases/" + name + ".jsonl");
  if (!text) throw std::runtime_error(text.error().message);
  std::vector<Json> cases;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) cases.push_back(Json::parse(line));
  }
  if (cases.empty()) throw std::runtime_error(name + ": no cases");
  return cases;
}

}  // namespace glmv::parsers
