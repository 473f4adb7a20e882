#include "glmv/text/tokenizer_json.h"

#include <algorithm>
#include <limits>

namespace glmv::text {
namespace {

constexpr size_t kMaxDepth = 200;
// Members of one object outside of the vocabulary; ordered objects are searched linearly.
constexpr size_t kMaxMembers = 10'000;

// Event reader: builds a tree, except inside model.vocab (an object) and model.merges.
class Reader : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(TokenizerJson& out) : out_(out) {}

  const std::string& error() const { return error_; }

  bool null() override { return leaf(nullptr, "null"); }
  bool boolean(bool value) override { return leaf(value, "a boolean"); }
  bool number_float(double value, const std::string&) override { return leaf(value, "a number"); }
  bool number_integer(int64_t value) override { return integer(value, value); }
  bool number_unsigned(uint64_t value) override {
    const auto limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    return integer(static_cast<int64_t>(std::min(value, limit)), value);
  }
  bool binary(Json::binary_t&) override { return fail("binary values are not JSON"); }

  bool string(std::string& value) override {
    if (place_ == Place::kTree) return leaf(std::move(value), "a string");
    if (place_ == Place::kMerges) return merge_line(value);
    if (place_ == Place::kMergePair && pair_size_ < 2) {
      (pair_size_ == 0 ? pair_.first : pair_.second) = std::move(value);
      ++pair_size_;
      return true;
    }
    return misplaced("a string");
  }

  bool start_object(size_t) override {
    if (place_ == Place::kTree && at_model_key("vocab")) {
      place_ = Place::kVocab;
      out_.has_vocab = true;
      out_.vocab.clear();
      return true;
    }
    return open(Json::object(), "an object");
  }

  bool start_array(size_t) override {
    if (place_ == Place::kTree && at_model_key("merges")) {
      place_ = Place::kMerges;
      out_.merges.clear();
      return true;
    }
    if (place_ == Place::kMerges) {
      place_ = Place::kMergePair;
      pair_size_ = 0;
      return true;
    }
    return open(Json::array(), "a list");
  }

  bool key(std::string& value) override {
    key_ = std::move(value);
    if (place_ == Place::kTree && stack_.back()->size() >= kMaxMembers) {
      return fail(fmt::format("an object has more than {} members", kMaxMembers));
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kVocab) {
      place_ = Place::kTree;
      return true;
    }
    return close();
  }

  bool end_array() override {
    if (place_ == Place::kMergePair) {
      if (pair_size_ != 2) return misplaced("a list of other than two strings");
      out_.merges.push_back(std::move(pair_));
      pair_ = {};
      place_ = Place::kMerges;
      return true;
    }
    if (place_ == Place::kMerges) {
      place_ = Place::kTree;
      return true;
    }
    return close();
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    std::string_view what = error.what();
    if (const size_t end = what.find("] "); end != std::string_view::npos) {
      what.remove_prefix(end + 2);
    }
    return fail(fmt::format("not valid JSON: {}", what));
  }

 private:
  enum class Place { kTree, kVocab, kMerges, kMergePair };

  bool fail(std::string text) {
    error_ = std::move(text);
    return false;
  }

  bool misplaced(std::string_view what) {
    if (place_ == Place::kVocab) {
      return fail(fmt::format("model.vocab[\"{}\"] is {}, not an integer id", key_, what));
    }
    return fail(fmt::format("model.merges[{}] is {}, not \"a b\" or [\"a\", \"b\"]",
                            out_.merges.size(), what));
  }

  bool at_model_key(std::string_view name) const {
    return stack_.size() == 2 && model_ == stack_.back() && key_ == name;
  }

  bool integer(int64_t value, const Json& as_json) {
    if (place_ != Place::kVocab) return leaf(as_json, "a number");
    out_.vocab.emplace_back(std::move(key_), value);
    return true;
  }

  bool merge_line(const std::string& line) {
    if (line.starts_with("#version")) return true;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      return misplaced("a string without exactly one space");
    }
    out_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    return true;
  }

  // Puts a value where the reader stands and returns it.
  Json* put(Json value) {
    if (stack_.empty()) {
      out_.rest = std::move(value);
      return &out_.rest;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& slot = parent[key_];
    slot = std::move(value);
    return &slot;
  }

  bool leaf(Json value, std::string_view what) {
    if (place_ != Place::kTree) return misplaced(what);
    put(std::move(value));
    return true;
  }

  bool open(Json value, std::string_view what) {
    if (place_ != Place::kTree) return misplaced(what);
    if (stack_.size() >= kMaxDepth) {
      return fail(fmt::format("JSON is nested more than {} levels deep", kMaxDepth));
    }
    Json* added = put(std::move(value));
    if (stack_.size() == 1 && stack_[0]->is_object() && key_ == "model") model_ = added;
    stack_.push_back(added);
    return true;
  }

  bool close() {
    if (model_ == stack_.back()) model_ = nullptr;
    stack_.pop_back();
    return true;
  }

  TokenizerJson& out_;
  std::vector<Json*> stack_;  // open containers; a parent grows only after its child is closed
  const Json* model_ = nullptr;
  std::string key_;
  Place place_ = Place::kTree;
  std::pair<std::string, std::string> pair_;
  int pair_size_ = 0;
  std::string error_;
};

}  // namespace

Result<TokenizerJson> parse_tokenizer_json(std::string_view text, std::string_view where) {
  TokenizerJson result;
  Reader reader(result);
  if (!Json::sax_parse(text, &reader)) return invalid_argument("{}: {}", where, reader.error());
  if (!result.rest.is_object()) return invalid_argument("{}: not a JSON object", where);
  return result;
}

}  // namespace glmv::text
