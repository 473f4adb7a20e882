#include "glmv/checkpoint/safetensors.h"

#include <algorithm>
#include <limits>

#include "glmv/checkpoint/safetensors_sax.h"

namespace glmv::checkpoint {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit

uint64_t read_little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    value |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  }
  return value;
}

Result<TensorEntry> check_entry(const std::string& name, const RawTensorEntry& raw,
                                uint64_t data_start, uint64_t data_bytes) {
  TensorEntry entry;
  auto dtype = parse_dtype(raw.dtype);
  if (!dtype) return in_context(fmt::format("tensor \"{}\"", shown_name(name)), dtype.error());
  entry.dtype = *dtype;
  if (raw.data_offsets.size() != 2) {
    return invalid_argument("tensor \"{}\": data_offsets has {} items instead of 2",
                            shown_name(name), raw.data_offsets.size());
  }
  const uint64_t begin = raw.data_offsets[0];
  const uint64_t end = raw.data_offsets[1];
  if (begin > end || end > data_bytes) {
    return invalid_argument(
        "tensor \"{}\": data_offsets [{}, {}) do not lie in the {} bytes of data; the file is "
        "damaged or cut off, fetch it again",
        shown_name(name), begin, end, data_bytes);
  }
  uint64_t expected_bytes = static_cast<uint64_t>(dtype_size(entry.dtype));
  for (const uint64_t dim : raw.shape) {
    if (dim > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
        __builtin_mul_overflow(expected_bytes, dim, &expected_bytes)) {
      return invalid_argument("tensor \"{}\": shape [{}] overflows", shown_name(name),
                              fmt::join(raw.shape, ", "));
    }
    entry.shape.push_back(static_cast<int64_t>(dim));
  }
  if (expected_bytes != end - begin) {
    return invalid_argument(
        "tensor \"{}\": shape [{}] of {} needs {} bytes, but data_offsets "
        "hold {}",
        shown_name(name), fmt::join(raw.shape, ", "), raw.dtype, expected_bytes, end - begin);
  }
  entry.begin = data_start + begin;
  entry.end = data_start + end;
  return entry;
}

// Every byte of the data belongs to exactly one tensor.
Result<void> check_layout(const std::map<std::string, TensorEntry>& tensors, size_t data_start,
                          size_t file_bytes) {
  std::vector<std::pair<const TensorEntry*, const std::string*>> order;
  order.reserve(tensors.size());
  for (const auto& [name, entry] : tensors) order.emplace_back(&entry, &name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->begin, a.first->end) < std::pair(b.first->begin, b.first->end);
  });
  size_t covered = data_start;
  for (const auto& [entry, name] : order) {
    if (entry->begin < covered) {
      return invalid_argument("tensor \"{}\" overlaps the tensor before it by {} bytes",
                              shown_name(*name), covered - entry->begin);
    }
    if (entry->begin > covered) {
      return invalid_argument("{} bytes before tensor \"{}\" belong to no tensor",
                              entry->begin - covered, shown_name(*name));
    }
    covered = entry->end;
  }
  if (covered != file_bytes) {
    return invalid_argument("{} trailing bytes belong to no tensor", file_bytes - covered);
  }
  return {};
}

}  // namespace

int64_t TensorView::numel() const {
  int64_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  return count;
}

Result<SafetensorsHeader> parse_safetensors(std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) {
    return invalid_argument("{} bytes are too few for a safetensors file", file.size());
  }
  const uint64_t header_bytes = read_little_endian(file);
  if (header_bytes > kMaxHeaderBytes || header_bytes > file.size() - kLengthBytes) {
    return invalid_argument(
        "the header length {} does not fit the file of {} bytes (limit {}); this is not a "
        "safetensors file, or it is cut off",
        header_bytes, file.size(), kMaxHeaderBytes);
  }
  const std::string_view json(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                              header_bytes);
  if (!json.starts_with('{')) return invalid_argument("the header does not start with '{{'");
  GLMV_ASSIGN(RawHeader raw, read_raw_header(json));

  const size_t data_start = kLengthBytes + header_bytes;
  SafetensorsHeader header;
  header.metadata = std::move(raw.metadata);
  for (const auto& [name, entry] : raw.tensors) {
    GLMV_ASSIGN(TensorEntry checked,
                check_entry(name, entry, data_start, file.size() - data_start));
    header.tensors.emplace_hint(header.tensors.end(), name, std::move(checked));
  }
  GLMV_RETURN_IF_ERROR(check_layout(header.tensors, data_start, file.size()));
  return header;
}

Result<SafetensorsFile> open_safetensors(const std::filesystem::path& path) {
  GLMV_ASSIGN(MappedFile mapped, MappedFile::open(path));
  const auto file = std::make_shared<const MappedFile>(std::move(mapped));
  auto header = parse_safetensors(file->bytes());
  if (!header) return in_context(path.string(), header.error());

  SafetensorsFile result;
  result.path = path;
  result.metadata = std::move(header->metadata);
  for (auto& [name, entry] : header->tensors) {
    TensorView view;
    view.dtype = entry.dtype;
    view.shape = std::move(entry.shape);
    view.data = file->bytes().subspan(entry.begin, entry.end - entry.begin);
    view.file = file;
    result.tensors.emplace_hint(result.tensors.end(), name, std::move(view));
  }
  return result;
}

}  // namespace glmv::checkpoint
