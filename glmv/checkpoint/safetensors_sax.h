#pragma once
// Event reader of a safetensors header. A document tree is not built: its duplicate keys would be
// lost, and a hostile header of a million keys would cost quadratic time.

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::checkpoint {

// A header entry as written, before its numbers are judged.
struct RawTensorEntry {
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> data_offsets;
  bool has_dtype = false;
  bool has_shape = false;
  bool has_data_offsets = false;
};

struct RawHeader {
  std::map<std::string, RawTensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

Result<RawHeader> read_raw_header(std::string_view json);

// A tensor or key name fit for an error message.
std::string shown_name(std::string_view name);

}  // namespace glmv::checkpoint
