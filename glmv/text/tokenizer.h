#pragma once
// Byte-level BPE tokenizer read from a Hugging Face tokenizer.json (+ tokenizer_config.json).
// Immutable after load, thread-safe. Source of behaviour: the `tokenizers` library.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/text/byte_range.h"

namespace glmv::text {

struct TokenizerConfig;

struct EncodeOptions {
  // HF's split_special_tokens: tokens with special=true are not matched in the text (non-special
  // added tokens still are).
  bool split_special_tokens = false;
  // Applies the TemplateProcessing post-processor of the file, if there is one ("[gMASK]<sop>" of
  // older checkpoints). Not for text that a chat template rendered: it holds them already.
  bool add_special_tokens = false;
  // Byte ranges of the text in which no added token may match (user content of a rendered prompt).
  // Sorted, disjoint. A match that touches such a range is skipped; a shorter added token or one
  // that starts later may match instead.
  std::span<const ByteRange> untrusted = {};
};

class Tokenizer {
 public:
  // Folder with tokenizer.json and, optionally, tokenizer_config.json. not_found without the
  // first; unsupported for a model other than BPE, a normalizer or an unknown pre-tokenizer;
  // invalid_argument for contradictions in the files.
  static Result<Tokenizer> load(const std::filesystem::path& dir);
  // The same from the texts of the files; an empty `tokenizer_config` is none.
  static Result<Tokenizer> parse(std::string_view tokenizer_json,
                                 std::string_view tokenizer_config = {});

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // invalid_argument (with the byte offset) when `text` is not valid UTF-8.
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const;

  // Lossy UTF-8 (U+FFFD per maximal ill-formed subpart); unknown ids contribute nothing.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = false) const;

  // Raw bytes of one token (added tokens: their text); empty for an unknown id.
  std::string_view token_bytes(int32_t id) const;
  // What decode() puts between tokens: nothing, or " " for files without a decoder.
  std::string_view token_separator() const;

  // By exact content, added tokens first ("<|user|>", "</think>").
  std::optional<int32_t> token_id(std::string_view content) const;
  bool is_special(int32_t id) const;  // added with special=true
  bool is_added(int32_t id) const;
  int64_t vocab_size() const;  // largest id + 1

  // Ids of all added tokens, ascending.
  std::vector<int32_t> added_token_ids() const;
  // invalid_argument when a token has no row in an embedding of `num_rows` rows.
  Result<void> check_embedding_rows(int64_t num_rows) const;
  // Defaults when there was no tokenizer_config.json.
  const TokenizerConfig& config() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace glmv::text
