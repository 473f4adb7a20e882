#include "glmv/checkpoint/dtype.h"

#include <array>

#include "glmv/base/check.h"

namespace glmv::checkpoint {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  int64_t size;
};

constexpr std::array kRows = {
    DTypeRow{DType::kBool, "BOOL", 1},      DTypeRow{DType::kU8, "U8", 1},
    DTypeRow{DType::kI8, "I8", 1},          DTypeRow{DType::kI16, "I16", 2},
    DTypeRow{DType::kU16, "U16", 2},        DTypeRow{DType::kI32, "I32", 4},
    DTypeRow{DType::kU32, "U32", 4},        DTypeRow{DType::kI64, "I64", 8},
    DTypeRow{DType::kU64, "U64", 8},        DTypeRow{DType::kF8E4M3, "F8_E4M3", 1},
    DTypeRow{DType::kF8E5M2, "F8_E5M2", 1}, DTypeRow{DType::kF16, "F16", 2},
    DTypeRow{DType::kBF16, "BF16", 2},      DTypeRow{DType::kF32, "F32", 4},
    DTypeRow{DType::kF64, "F64", 8},
};

const DTypeRow& row_of(DType dtype) {
  for (const DTypeRow& row : kRows) {
    if (row.dtype == dtype) return row;
  }
  throw_internal_error(__FILE__, __LINE__, "dtype is in the table", "");
}

}  // namespace

int64_t dtype_size(DType dtype) { return row_of(dtype).size; }

std::string_view dtype_name(DType dtype) { return row_of(dtype).name; }

Result<DType> parse_dtype(std::string_view name) {
  for (const DTypeRow& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  std::string known;
  for (const DTypeRow& row : kRows) {
    if (!known.empty()) known += ", ";
    known += row.name;
  }
  return unsupported("unknown dtype \"{}\"; known: {}", name.substr(0, 40), known);
}

}  // namespace glmv::checkpoint
