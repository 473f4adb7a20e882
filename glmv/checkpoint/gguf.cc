#include "glmv/checkpoint/gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "glmv/checkpoint/safetensors_sax.h"

namespace glmv::checkpoint {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kMaxAlignment = int64_t{1} << 20;
constexpr uint64_t kMaxNameBytes = 65535;
constexpr uint32_t kMaxDims = 4;
// The fewest bytes that an entry of each kind takes: a count above what is left is a lie.
constexpr uint64_t kMinPairBytes = 8 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 4 + 8 + 4 + 8;

enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kFloat,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kDouble
};

// Bytes of a value of fixed size; 0 for the others.
uint64_t value_bytes(uint32_t type) {
  switch (type) {
    case kU8:
    case kI8:
    case kBool:
      return 1;
    case kU16:
    case kI16:
      return 2;
    case kU32:
    case kI32:
    case kFloat:
      return 4;
    case kU64:
    case kI64:
    case kDouble:
      return 8;
    default:
      return 0;
  }
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> file) : file_(file) {}

  size_t position() const { return position_; }
  uint64_t left() const { return file_.size() - position_; }

  template <class T>
  Result<T> number() {
    if (left() < sizeof(T)) return cut_off();
    T value;
    std::memcpy(&value, file_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

  Result<std::string> string(uint64_t max_bytes) {
    GLMV_ASSIGN(const uint64_t length, number<uint64_t>());
    if (length > left()) return cut_off();
    if (length > max_bytes) {
      return invalid_argument("the header holds a text of {} bytes, at most {} are allowed there",
                              length, max_bytes);
    }
    std::string text(reinterpret_cast<const char*>(file_.data()) + position_, length);
    position_ += length;
    return text;
  }

  Result<void> skip(uint64_t num_bytes) {
    if (num_bytes > left()) return cut_off();
    position_ += num_bytes;
    return {};
  }

  std::unexpected<Status> cut_off() const {
    return invalid_argument(
        "the header does not fit the file of {} bytes: it is cut off at byte "
        "{} or damaged, fetch it again",
        file_.size(), position_);
  }

 private:
  std::span<const std::byte> file_;
  size_t position_ = 0;
};

Result<GgufValue> read_array(Reader& reader) {
  GLMV_ASSIGN(const uint32_t type, reader.number<uint32_t>());
  GLMV_ASSIGN(const uint64_t length, reader.number<uint64_t>());
  if (type == kString) {
    for (uint64_t i = 0; i < length; ++i) {
      GLMV_ASSIGN(const uint64_t num_bytes, reader.number<uint64_t>());
      GLMV_RETURN_IF_ERROR(reader.skip(num_bytes));
    }
    return GgufList{length};
  }
  const uint64_t element = value_bytes(type);
  if (element == 0) return unsupported("lists of values of type {} cannot be read", type);
  uint64_t num_bytes;
  if (__builtin_mul_overflow(element, length, &num_bytes)) return reader.cut_off();
  GLMV_RETURN_IF_ERROR(reader.skip(num_bytes));
  return GgufList{length};
}

template <class T>
Result<GgufValue> read_integer(Reader& reader) {
  GLMV_ASSIGN(const T value, reader.number<T>());
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return invalid_argument("the number {} is too large", value);
    }
  }
  return static_cast<int64_t>(value);
}

Result<GgufValue> read_value(Reader& reader, uint32_t type) {
  switch (type) {
    case kU8:
    case kBool:
      return read_integer<uint8_t>(reader);
    case kI8:
      return read_integer<int8_t>(reader);
    case kU16:
      return read_integer<uint16_t>(reader);
    case kI16:
      return read_integer<int16_t>(reader);
    case kU32:
      return read_integer<uint32_t>(reader);
    case kI32:
      return read_integer<int32_t>(reader);
    case kU64:
      return read_integer<uint64_t>(reader);
    case kI64:
      return read_integer<int64_t>(reader);
    case kFloat: {
      GLMV_ASSIGN(const float value, reader.number<float>());
      return static_cast<double>(value);
    }
    case kDouble: {
      GLMV_ASSIGN(const double value, reader.number<double>());
      return value;
    }
    case kString: {
      GLMV_ASSIGN(std::string text, reader.string(reader.left()));
      return text;
    }
    case kArray:
      return read_array(reader);
    default:
      return unsupported("values of type {} cannot be read", type);
  }
}

Result<void> read_metadata(Reader& reader, uint64_t count, GgufHeader& header) {
  for (uint64_t i = 0; i < count; ++i) {
    GLMV_ASSIGN(std::string key, reader.string(kMaxNameBytes));
    GLMV_ASSIGN(const uint32_t type, reader.number<uint32_t>());
    auto value = read_value(reader, type);
    if (!value) return in_context(fmt::format("key \"{}\"", shown_name(key)), value.error());
    if (!header.metadata.try_emplace(key, std::move(*value)).second) {
      return invalid_argument("key \"{}\" is there twice", shown_name(key));
    }
  }
  return {};
}

// Shape, type and number of bytes of one tensor; `begin` is still relative to the data.
Result<GgufTensor> read_tensor(Reader& reader) {
  GgufTensor tensor;
  GLMV_ASSIGN(const uint32_t num_dims, reader.number<uint32_t>());
  if (num_dims == 0 || num_dims > kMaxDims) {
    return invalid_argument("it has {} dimensions, expected 1 to {}", num_dims, kMaxDims);
  }
  uint64_t elements = 1;
  for (uint32_t d = 0; d < num_dims; ++d) {
    GLMV_ASSIGN(const uint64_t extent, reader.number<uint64_t>());
    if (extent == 0 || extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
        __builtin_mul_overflow(elements, extent, &elements)) {
      return invalid_argument("dimension {} of {} is empty or its size overflows", d, extent);
    }
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));
  }
  GLMV_ASSIGN(const uint32_t type, reader.number<uint32_t>());
  GLMV_ASSIGN(tensor.type, parse_ggml_type(type));
  GLMV_ASSIGN(tensor.begin, reader.number<uint64_t>());
  const GgmlRow& row = ggml_row(tensor.type);
  if (tensor.shape.back() % row.elements != 0) {
    return invalid_argument("its rows of {} elements are no multiple of the {} of a {} block",
                            tensor.shape.back(), row.elements, row.name);
  }
  uint64_t num_bytes;
  if (__builtin_mul_overflow(elements / row.elements, static_cast<uint64_t>(row.bytes),
                             &num_bytes) ||
      __builtin_add_overflow(tensor.begin, num_bytes, &tensor.end)) {
    return invalid_argument("its {} elements at offset {} overflow", elements, tensor.begin);
  }
  return tensor;
}

Result<void> place_tensors(GgufHeader& header, uint64_t data_start, uint64_t file_bytes,
                           uint64_t alignment) {
  std::vector<std::pair<GgufTensor*, const std::string*>> order;
  for (auto& [name, tensor] : header.tensors) {
    if (tensor.begin % alignment != 0) {
      return invalid_argument("tensor \"{}\": offset {} is no multiple of the alignment {}",
                              shown_name(name), tensor.begin, alignment);
    }
    if (data_start > file_bytes || tensor.end > file_bytes - data_start) {
      return invalid_argument(
          "tensor \"{}\": bytes [{}, {}) do not lie in the {} bytes of data; "
          "the file is damaged or cut off, fetch it again",
          shown_name(name), tensor.begin, tensor.end,
          file_bytes - std::min(data_start, file_bytes));
    }
    tensor.begin += data_start;
    tensor.end += data_start;
    order.emplace_back(&tensor, &name);
  }
  std::ranges::sort(order,
                    [](const auto& a, const auto& b) { return a.first->begin < b.first->begin; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i].first->begin < order[i - 1].first->end) {
      return invalid_argument("tensor \"{}\" overlaps tensor \"{}\"", shown_name(*order[i].second),
                              shown_name(*order[i - 1].second));
    }
  }
  return {};
}

}  // namespace

std::string GgufHeader::text(const std::string& key) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return "";
  const auto* value = std::get_if<std::string>(&it->second);
  return value == nullptr ? "" : *value;
}

int64_t GgufHeader::integer(const std::string& key) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) return 0;
  const auto* value = std::get_if<int64_t>(&it->second);
  return value == nullptr ? 0 : *value;
}

Result<GgufHeader> parse_gguf(std::span<const std::byte> file) {
  Reader reader(file);
  GLMV_ASSIGN(const uint32_t magic, reader.number<uint32_t>());
  if (magic != kMagic) return invalid_argument("this is no GGUF file: it begins otherwise");
  GLMV_ASSIGN(const uint32_t version, reader.number<uint32_t>());
  if (version != 2 && version != 3) {
    return unsupported("GGUF version {} cannot be read; known: 2, 3 (little-endian)", version);
  }
  GLMV_ASSIGN(const uint64_t num_tensors, reader.number<uint64_t>());
  GLMV_ASSIGN(const uint64_t num_pairs, reader.number<uint64_t>());
  if (num_tensors > reader.left() / kMinTensorBytes || num_pairs > reader.left() / kMinPairBytes) {
    return invalid_argument("{} tensors and {} keys do not fit the file of {} bytes", num_tensors,
                            num_pairs, file.size());
  }
  GgufHeader header;
  GLMV_RETURN_IF_ERROR(read_metadata(reader, num_pairs, header));
  for (uint64_t i = 0; i < num_tensors; ++i) {
    GLMV_ASSIGN(const std::string name, reader.string(kMaxNameBytes));
    auto tensor = read_tensor(reader);
    if (!tensor) return in_context(fmt::format("tensor \"{}\"", shown_name(name)), tensor.error());
    if (!header.tensors.try_emplace(name, std::move(*tensor)).second) {
      return invalid_argument("tensor \"{}\" is there twice", shown_name(name));
    }
  }
  int64_t alignment = kDefaultAlignment;
  if (header.metadata.contains("general.alignment")) {
    alignment = header.integer("general.alignment");
    if (alignment <= 0 || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) {
      return invalid_argument("general.alignment must be a power of two up to {}", kMaxAlignment);
    }
  }
  const uint64_t data_start = (reader.position() + alignment - 1) / alignment * alignment;
  GLMV_RETURN_IF_ERROR(place_tensors(header, data_start, file.size(), alignment));
  return header;
}

Result<GgufFile> open_gguf(const std::filesystem::path& path) {
  GLMV_ASSIGN(MappedFile mapped, MappedFile::open(path));
  GgufFile file{path, {}, std::make_shared<const MappedFile>(std::move(mapped))};
  auto header = parse_gguf(file.map->bytes());
  if (!header) return in_context(path.string(), header.error());
  file.header = std::move(*header);
  return file;
}

}  // namespace glmv::checkpoint
