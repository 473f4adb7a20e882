#include "glmv/text/tokenizer_parts.h"

#include <algorithm>

#include "glmv/text/tokenizer_json.h"

namespace glmv::text {
namespace {

constexpr std::string_view kFile = "tokenizer.json";

std::string type_of(const Json& json) {
  if (!json.is_object()) return "";
  const auto it = json.find("type");
  return it != json.end() && it->is_string() ? it->get<std::string>() : "";
}

const Json& member(const Json& json, const char* key) {
  static const Json kNull;
  const auto it = json.find(key);
  return it == json.end() ? kNull : *it;
}

bool flag(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_boolean() && value.get<bool>();
}

Result<void> check_normalizer(const Json& normalizer) {
  if (normalizer.is_null()) return {};
  const Json& steps = member(normalizer, "normalizers");
  if (type_of(normalizer) == "Sequence" && steps.is_array() && steps.empty()) return {};
  return unsupported("{}: normalizer \"{}\" is not supported; only null is", kFile,
                     type_of(normalizer));
}

Result<std::string> read_separator(const Json& decoder) {
  if (decoder.is_null()) return std::string(" ");
  if (type_of(decoder) == "ByteLevel") return std::string();
  return unsupported("{}: decoder \"{}\" is not supported; ByteLevel and null are", kFile,
                     type_of(decoder));
}

// The fields of "model" that change how a BPE works.
Result<BpeSpec> read_model(const Json& model, TokenizerJson& file, bool byte_level) {
  if (!model.is_object()) return invalid_argument("{}: \"model\" is not an object", kFile);
  const std::string type = type_of(model);
  if (!type.empty() && type != "BPE") {
    return unsupported("{}: model type \"{}\" is not supported; only BPE is", kFile, type);
  }
  if (!file.has_vocab) return invalid_argument("{}: model.vocab is missing", kFile);
  if (flag(model, "byte_fallback")) {
    return unsupported("{}: model.byte_fallback is not supported; only byte-level BPE is", kFile);
  }
  const Json& dropout = member(model, "dropout");
  if (!dropout.is_null() && !(dropout.is_number() && dropout.get<double>() == 0.0)) {
    return unsupported("{}: model.dropout is not supported", kFile);
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json& value = member(model, key);
    if (value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty())) {
      continue;
    }
    return unsupported("{}: model.{} is not supported", kFile, key);
  }
  BpeSpec spec;
  spec.vocab = std::move(file.vocab);
  spec.merges = std::move(file.merges);
  spec.byte_level = byte_level;
  spec.ignore_merges = flag(model, "ignore_merges");
  spec.fuse_unk = flag(model, "fuse_unk");
  const Json& unk = member(model, "unk_token");
  // Every byte has a token in a byte-level vocabulary: nothing is ever unknown.
  if (unk.is_string() && !byte_level) spec.unk_token = unk.get<std::string>();
  return spec;
}

// A repeated key of a JSON object replaces the earlier one.
void drop_repeated_keys(std::vector<std::pair<std::string, int64_t>>& vocab) {
  std::unordered_map<std::string_view, size_t> last;
  last.reserve(vocab.size());
  for (size_t i = 0; i < vocab.size(); ++i) last[vocab[i].first] = i;
  if (last.size() == vocab.size()) return;
  std::vector<std::pair<std::string, int64_t>> kept;
  for (size_t i = 0; i < vocab.size(); ++i) {
    if (last.at(vocab[i].first) == i) kept.push_back(vocab[i]);
  }
  vocab = std::move(kept);
}

Result<std::vector<AddedToken>> read_added_tokens(const Json& json) {
  std::vector<AddedToken> tokens;
  if (json.is_null()) return tokens;
  if (!json.is_array()) return invalid_argument("{}: \"added_tokens\" is not a list", kFile);
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string where = fmt::format("{}: added_tokens[{}]", kFile, i);
    const Json& id = member(json[i], "id");
    if (!id.is_number_integer()) return invalid_argument("{}: \"id\" is not an integer", where);
    GLMV_ASSIGN(AddedToken token, parse_added_token(json[i], id.get<int64_t>(), where));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// Tokens only tokenizer_config.json knows are added as transformers does; for the others
// tokenizer.json decides.
void add_config_tokens(const TokenizerConfig& config, std::vector<AddedToken>& tokens) {
  std::unordered_map<std::string_view, bool> known;
  for (const AddedToken& token : tokens) known[token.content] = true;
  std::vector<AddedToken> fresh;
  for (const AddedToken& token : config.added_tokens) {
    if (!known.contains(token.content)) fresh.push_back(token);
  }
  tokens.insert(tokens.end(), fresh.begin(), fresh.end());
}

Result<void> index_added_tokens(TokenizerParts& parts) {
  parts.vocab_size = parts.bpe.size();
  const auto& tokens = parts.added.tokens();
  for (size_t i = 0; i < tokens.size(); ++i) {
    const AddedToken& token = tokens[i];
    if (const auto [it, fresh] = parts.added_index.emplace(token.id, i); !fresh) {
      return invalid_argument("{}: added tokens \"{}\" and \"{}\" have the same id {}", kFile,
                              tokens[it->second].content, token.content, token.id);
    }
    const auto vocab_id = parts.bpe.find(token.content);
    if (!parts.bpe.bytes(token.id).empty() && vocab_id != token.id) {
      return invalid_argument("{}: added token \"{}\" has the id {} of another token", kFile,
                              token.content, token.id);
    }
    parts.vocab_size = std::max<int64_t>(parts.vocab_size, int64_t{token.id} + 1);
  }
  return {};
}

// Ids of one {"SpecialToken": {"id": name}} of a TemplateProcessing.
Result<std::vector<int32_t>> template_ids(const Json& processor, const std::string& name) {
  const Json& entry = member(member(processor, "special_tokens"), name.c_str());
  const Json& ids = entry.is_object() ? member(entry, "ids") : Json();
  if (!ids.is_array()) {
    return invalid_argument("{}: post_processor: special token \"{}\" has no ids", kFile, name);
  }
  std::vector<int32_t> result;
  for (const Json& id : ids) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > Bpe::kMaxId) {
      return invalid_argument("{}: post_processor: bad id of \"{}\"", kFile, name);
    }
    result.push_back(id.get<int32_t>());
  }
  return result;
}

Result<void> read_post_processor(const Json& processor, TokenizerParts& parts, int depth = 0) {
  const std::string type = type_of(processor);
  if (processor.is_null() || type == "ByteLevel") return {};
  if (type == "Sequence" && depth < 8) {
    for (const Json& step : member(processor, "processors")) {
      GLMV_RETURN_IF_ERROR(read_post_processor(step, parts, depth + 1));
    }
    return {};
  }
  if (type != "TemplateProcessing") {
    return unsupported("{}: post_processor \"{}\" is not supported", kFile, type);
  }
  const Json& items = member(processor, "single");
  if (!items.is_array()) {
    return invalid_argument("{}: post_processor: \"single\" is not a list", kFile);
  }
  std::vector<int32_t> before;
  std::vector<int32_t> after;
  bool seen_text = false;
  for (const Json& item : items) {
    if (item.is_object() && item.contains("Sequence")) {
      if (seen_text) return unsupported("{}: post_processor repeats the text", kFile);
      seen_text = true;
      continue;
    }
    const Json& token = item.is_object() ? member(item, "SpecialToken") : Json();
    const Json& name = token.is_object() ? member(token, "id") : Json();
    if (!name.is_string()) {
      return invalid_argument("{}: post_processor: an item is no SpecialToken or Sequence", kFile);
    }
    GLMV_ASSIGN(const auto ids, template_ids(processor, name.get<std::string>()));
    auto& target = seen_text ? after : before;
    target.insert(target.end(), ids.begin(), ids.end());
  }
  parts.prefix_ids.insert(parts.prefix_ids.begin(), before.begin(), before.end());
  parts.suffix_ids.insert(parts.suffix_ids.end(), after.begin(), after.end());
  return {};
}

}  // namespace

Result<TokenizerParts> build_tokenizer_parts(std::string_view tokenizer_json,
                                             std::string_view tokenizer_config) {
  TokenizerConfig config;
  if (!tokenizer_config.empty()) {
    GLMV_ASSIGN(const Json json, parse_json(tokenizer_config, "tokenizer_config.json"));
    GLMV_ASSIGN(config, parse_tokenizer_config(json));
  }
  GLMV_ASSIGN(TokenizerJson file, parse_tokenizer_json(tokenizer_json, kFile));
  GLMV_RETURN_IF_ERROR(check_normalizer(member(file.rest, "normalizer")));
  GLMV_ASSIGN(std::string separator, read_separator(member(file.rest, "decoder")));
  auto pre_tokenizer = PreTokenizer::from_json(member(file.rest, "pre_tokenizer"));
  if (!pre_tokenizer) return in_context(kFile, pre_tokenizer.error());
  drop_repeated_keys(file.vocab);
  GLMV_ASSIGN(const BpeSpec spec,
              read_model(member(file.rest, "model"), file, pre_tokenizer->is_byte_level()));
  auto bpe = Bpe::build(spec);
  if (!bpe) return in_context(kFile, bpe.error());
  GLMV_ASSIGN(auto tokens, read_added_tokens(member(file.rest, "added_tokens")));
  add_config_tokens(config, tokens);
  auto added = AddedTokens::build(std::move(tokens));
  if (!added) return in_context(kFile, added.error());

  TokenizerParts parts{std::move(*bpe),
                       std::move(*pre_tokenizer),
                       std::move(*added),
                       {},
                       std::move(separator),
                       {},
                       {},
                       std::move(config)};
  GLMV_RETURN_IF_ERROR(index_added_tokens(parts));
  GLMV_RETURN_IF_ERROR(read_post_processor(member(file.rest, "post_processor"), parts));
  return parts;
}

}  // namespace glmv::text
