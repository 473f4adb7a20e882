#include "glmv/text/tokenizer_config.h"

#include <charconv>

#include "glmv/text/bpe.h"

namespace glmv::text {
namespace {

// A token is a string or an object with "content".
Result<std::string> read_token(const Json& json, std::string_view key) {
  if (json.is_null()) return std::string();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object()) {
    const auto content = json.find("content");
    if (content != json.end() && content->is_string()) return content->get<std::string>();
  }
  return invalid_argument("tokenizer_config.json: \"{}\" is not a token", key);
}

Result<void> read_extra_tokens(const Json& json, const char* key, TokenizerConfig& config) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return {};
  if (!it->is_array() && !it->is_object()) {
    return invalid_argument("tokenizer_config.json: \"{}\" is not a list or an object", key);
  }
  for (const Json& item : *it) {
    GLMV_ASSIGN(std::string token, read_token(item, key));
    if (!token.empty()) config.extra_special_tokens.push_back(std::move(token));
  }
  return {};
}

}  // namespace

Result<AddedToken> parse_added_token(const Json& json, int64_t id, std::string_view where) {
  if (!json.is_object()) return invalid_argument("{}: not an object", where);
  if (id < 0 || id > Bpe::kMaxId) {
    return invalid_argument("{}: id {} is out of range [0, {}]", where, id, Bpe::kMaxId);
  }
  AddedToken token;
  token.id = static_cast<int32_t>(id);
  const auto content = json.find("content");
  if (content == json.end() || !content->is_string()) {
    return invalid_argument("{}: \"content\" is missing or not a string", where);
  }
  token.content = content->get<std::string>();
  bool single_word = false;
  const std::pair<const char*, bool*> flags[] = {{"special", &token.special},
                                                 {"lstrip", &token.lstrip},
                                                 {"rstrip", &token.rstrip},
                                                 {"normalized", &token.normalized},
                                                 {"single_word", &single_word}};
  for (const auto& [key, flag] : flags) {
    const auto it = json.find(key);
    if (it == json.end()) continue;
    if (!it->is_boolean()) return invalid_argument("{}: \"{}\" is not a boolean", where, key);
    *flag = it->get<bool>();
  }
  if (single_word) {
    return unsupported("{}: single_word is not supported (token \"{}\")", where, token.content);
  }
  return token;
}

Result<TokenizerConfig> parse_tokenizer_config(const Json& json) {
  if (!json.is_object()) return invalid_argument("tokenizer_config.json: not an object");
  TokenizerConfig config;
  if (const auto it = json.find("added_tokens_decoder"); it != json.end() && it->is_object()) {
    for (const auto& [key, value] : it->items()) {
      const std::string where =
          fmt::format("tokenizer_config.json: added_tokens_decoder[\"{}\"]", key);
      int64_t id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size()) {
        return invalid_argument("{}: the key is not an id", where);
      }
      GLMV_ASSIGN(AddedToken token, parse_added_token(value, id, where));
      config.added_tokens.push_back(std::move(token));
    }
  }
  GLMV_RETURN_IF_ERROR(read_extra_tokens(json, "additional_special_tokens", config));
  GLMV_RETURN_IF_ERROR(read_extra_tokens(json, "extra_special_tokens", config));
  if (const auto it = json.find("eos_token"); it != json.end()) {
    GLMV_ASSIGN(config.eos_token, read_token(*it, "eos_token"));
  }
  if (const auto it = json.find("pad_token"); it != json.end()) {
    GLMV_ASSIGN(config.pad_token, read_token(*it, "pad_token"));
  }
  if (const auto it = json.find("padding_side"); it != json.end() && it->is_string()) {
    config.padding_side = it->get<std::string>();
  }
  // Checkpoints without a bound write 1e30 here.
  if (const auto it = json.find("model_max_length"); it != json.end() && it->is_number()) {
    const double length = it->get<double>();
    if (length > 0 && length < 1e15) config.model_max_length = static_cast<int64_t>(length);
  }
  return config;
}

}  // namespace glmv::text
