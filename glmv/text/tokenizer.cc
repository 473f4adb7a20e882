#include "glmv/text/tokenizer.h"

#include <algorithm>

#include "glmv/base/files.h"
#include "glmv/base/utf8.h"
#include "glmv/text/tokenizer_parts.h"

namespace glmv::text {

struct Tokenizer::Impl : TokenizerParts {};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::parse(std::string_view tokenizer_json,
                                   std::string_view tokenizer_config) {
  GLMV_ASSIGN(TokenizerParts parts, build_tokenizer_parts(tokenizer_json, tokenizer_config));
  return Tokenizer(std::make_unique<const Impl>(Impl{std::move(parts)}));
}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& dir) {
  auto tokenizer_json = read_file(dir / "tokenizer.json");
  if (!tokenizer_json) {
    if (tokenizer_json.error().code != Code::kNotFound) {
      return std::unexpected(tokenizer_json.error());
    }
    return not_found("{} has no tokenizer.json; a checkpoint in the Hugging Face layout has one",
                     dir.string());
  }
  std::string tokenizer_config;
  if (auto text = read_file(dir / "tokenizer_config.json")) {
    tokenizer_config = std::move(*text);
  } else if (text.error().code != Code::kNotFound) {
    return std::unexpected(text.error());
  }
  auto tokenizer = parse(*tokenizer_json, tokenizer_config);
  if (!tokenizer) return in_context(dir.string(), tokenizer.error());
  return tokenizer;
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                               const EncodeOptions& options) const {
  if (const auto offset = find_invalid_utf8(text)) {
    return invalid_argument("text to tokenize is not valid UTF-8 at byte {} (invalid_utf8)",
                            *offset);
  }
  size_t previous_end = 0;
  for (const ByteRange& range : options.untrusted) {
    if (range.begin < previous_end || range.end < range.begin || range.end > text.size()) {
      return invalid_argument("untrusted range [{}, {}) is out of order or outside of the text",
                              range.begin, range.end);
    }
    previous_end = range.end;
  }

  std::vector<int32_t> ids;
  if (options.add_special_tokens) ids = impl_->prefix_ids;
  // Each stretch between added tokens is cut on its own: its end is the end of text for the
  // look-ahead of the split pattern.
  const auto encode_stretch = [&](std::string_view stretch) -> Result<void> {
    PreTokenizer::Pieces pieces;
    GLMV_RETURN_IF_ERROR(impl_->pre_tokenizer.split(stretch, pieces));
    for (const std::string_view piece : pieces.pieces) impl_->bpe.encode(piece, ids);
    return {};
  };
  size_t done = 0;
  for (const AddedMatch& match :
       impl_->added.find(text, options.split_special_tokens, options.untrusted)) {
    GLMV_RETURN_IF_ERROR(encode_stretch(text.substr(done, match.range.begin - done)));
    ids.push_back(match.id);
    done = match.range.end;
  }
  GLMV_RETURN_IF_ERROR(encode_stretch(text.substr(done)));
  if (options.add_special_tokens) {
    ids.insert(ids.end(), impl_->suffix_ids.begin(), impl_->suffix_ids.end());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::string bytes;
  bool first = true;
  for (const int32_t id : ids) {
    const std::string_view token = token_bytes(id);
    if (token.empty() || (skip_special_tokens && is_special(id))) continue;
    if (!first) bytes += impl_->separator;
    bytes += token;
    first = false;
  }
  return repair_utf8(bytes);
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  if (const AddedToken* token = impl_->added_by_id(id)) return token->content;
  return impl_->bpe.bytes(id);
}

std::string_view Tokenizer::token_separator() const { return impl_->separator; }

std::optional<int32_t> Tokenizer::token_id(std::string_view content) const {
  if (const AddedToken* token = impl_->added.by_content(content)) return token->id;
  return impl_->bpe.find(content);
}

bool Tokenizer::is_special(int32_t id) const {
  const AddedToken* token = impl_->added_by_id(id);
  return token != nullptr && token->special;
}

bool Tokenizer::is_added(int32_t id) const { return impl_->added_by_id(id) != nullptr; }

int64_t Tokenizer::vocab_size() const { return impl_->vocab_size; }

std::vector<int32_t> Tokenizer::added_token_ids() const {
  std::vector<int32_t> ids;
  for (const AddedToken& token : impl_->added.tokens()) ids.push_back(token.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<void> Tokenizer::check_embedding_rows(int64_t num_rows) const {
  if (vocab_size() <= num_rows) return {};
  const auto id = static_cast<int32_t>(vocab_size() - 1);
  return invalid_argument(
      "token \"{}\" has id {}, but the embedding has only {} rows; tokenizer.json and weights are "
      "not of the same model",
      repair_utf8(token_bytes(id)), id, num_rows);
}

const TokenizerConfig& Tokenizer::config() const { return impl_->config; }

}  // namespace glmv::text
