#include "glmv/checkpoint/safetensors_sax.h"

#include "glmv/base/json.h"

namespace glmv::checkpoint {
namespace {

constexpr size_t kMaxRank = 16;

// Where the next event is expected; the grammar is fixed, so nesting is bounded by it.
enum class At {
  kStart,          // the header's "{"
  kName,           // a tensor name or the end
  kMetadataOpen,   // "{" of __metadata__
  kMetadataKey,    // a metadata key or its end
  kMetadataValue,  // a string
  kTensorOpen,     // "{" of a tensor
  kTensorKey,      // dtype, shape, data_offsets or the end
  kDType,          // a string
  kListOpen,       // "[" of shape or data_offsets
  kListItem,       // a number or the end
  kDone,
};

class HeaderReader {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  RawHeader header;
  std::string error;

  bool null() { return unexpected_value("null"); }
  bool boolean(bool) { return unexpected_value("a boolean"); }
  bool number_integer(number_integer_t) { return unexpected_value("a negative number"); }
  bool number_float(number_float_t, const string_t&) {
    return unexpected_value("a number that is not a 64-bit integer");
  }
  bool binary(binary_t&) { return unexpected_value("binary data"); }

  bool number_unsigned(number_unsigned_t value) {
    if (at_ != At::kListItem) return unexpected_value("a number");
    if (list_->size() >= kMaxRank) {
      return fail("\"{}\" of tensor \"{}\" has more than {} items", key_, shown_name(name_),
                  kMaxRank);
    }
    list_->push_back(value);
    return true;
  }

  bool string(string_t& value) {
    if (at_ == At::kMetadataValue) {
      header.metadata[key_] = std::move(value);
      at_ = At::kMetadataKey;
      return true;
    }
    if (at_ == At::kDType) {
      tensor_->dtype = std::move(value);
      at_ = At::kTensorKey;
      return true;
    }
    return unexpected_value("a string");
  }

  bool start_object(size_t) {
    switch (at_) {
      case At::kStart:
        at_ = At::kName;
        return true;
      case At::kMetadataOpen:
        at_ = At::kMetadataKey;
        return true;
      case At::kTensorOpen:
        at_ = At::kTensorKey;
        return true;
      default:
        return unexpected_value("an object");
    }
  }

  bool end_object() {
    if (at_ == At::kTensorKey) {
      for (const auto& [present, key] :
           {std::pair{tensor_->has_dtype, "dtype"}, std::pair{tensor_->has_shape, "shape"},
            std::pair{tensor_->has_data_offsets, "data_offsets"}}) {
        if (!present) return fail("tensor \"{}\" has no \"{}\"", shown_name(name_), key);
      }
    }
    at_ = at_ == At::kName ? At::kDone : At::kName;
    return true;
  }

  bool start_array(size_t) {
    if (at_ != At::kListOpen) return unexpected_value("an array");
    at_ = At::kListItem;
    return true;
  }

  bool end_array() {
    at_ = At::kTensorKey;
    return true;
  }

  bool key(string_t& value) {
    switch (at_) {
      case At::kName:
        return start_name(value);
      case At::kMetadataKey:
        key_ = value;
        at_ = At::kMetadataValue;
        if (header.metadata.contains(key_)) {
          return fail("metadata key \"{}\" appears twice", shown_name(key_));
        }
        return true;
      case At::kTensorKey:
        return start_field(value);
      default:
        return fail("unexpected key \"{}\"", shown_name(value));
    }
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    return fail("the header is not valid JSON near byte {}", position);
  }

 private:
  bool start_name(const std::string& name) {
    name_ = name;
    if (name == "__metadata__") {
      if (seen_metadata_) return fail("\"__metadata__\" appears twice");
      seen_metadata_ = true;
      at_ = At::kMetadataOpen;
      return true;
    }
    const auto [entry, is_first] = header.tensors.try_emplace(name);
    if (!is_first) return fail("tensor \"{}\" appears twice", shown_name(name));
    tensor_ = &entry->second;
    at_ = At::kTensorOpen;
    return true;
  }

  bool start_field(const std::string& field) {
    key_ = field;
    bool* seen = nullptr;
    if (field == "dtype") {
      seen = &tensor_->has_dtype;
      at_ = At::kDType;
    } else if (field == "shape") {
      seen = &tensor_->has_shape;
      list_ = &tensor_->shape;
      at_ = At::kListOpen;
    } else if (field == "data_offsets") {
      seen = &tensor_->has_data_offsets;
      list_ = &tensor_->data_offsets;
      at_ = At::kListOpen;
    } else {
      return fail("tensor \"{}\" has an unknown key \"{}\"", shown_name(name_), shown_name(field));
    }
    if (*seen) return fail("tensor \"{}\" has \"{}\" twice", shown_name(name_), field);
    *seen = true;
    return true;
  }

  bool unexpected_value(std::string_view what) {
    if (at_ == At::kStart) return fail("the header is {}, not an object", what);
    return fail("unexpected {} in entry \"{}\"", what, shown_name(name_));
  }

  template <class... Args>
  bool fail(fmt::format_string<Args...> text, Args&&... args) {
    error = fmt::format(text, std::forward<Args>(args)...);
    return false;
  }

  At at_ = At::kStart;
  std::string name_;
  std::string key_;
  RawTensorEntry* tensor_ = nullptr;
  std::vector<uint64_t>* list_ = nullptr;
  bool seen_metadata_ = false;
};

}  // namespace

std::string shown_name(std::string_view name) {
  std::string shown;
  for (const char c : name.substr(0, 100)) {
    shown += c >= 0x20 && c < 0x7f ? c : '?';
  }
  if (name.size() > 100) shown += "...";
  return shown;
}

Result<RawHeader> read_raw_header(std::string_view json) {
  HeaderReader reader;
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) {
    return invalid_argument("{}", reader.error);
  }
  return std::move(reader.header);
}

}  // namespace glmv::checkpoint
