#pragma once
// A tokenizer of a few hundred tokens for tests of grammars: every byte, pieces of JSON, halves of
// characters, added tokens and an end.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/random.h"
#include "glmv/runtime/grammar.h"

namespace glmv::runtime {

struct ToyVocabulary {
  explicit ToyVocabulary(bool with_tags = true) {
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    for (const char* piece :
         {"{\"",   "\":",      "\": ",     "\",",  ", ",           "\"}",    "}}",          "]}",
          "[[",    "true",     "false",    "null", "01",           "10",     "-1",          "1.0",
          "e5",    "ab",       "abc",      "<ar",  "g_value>",     "\n\n",   "\r\n",        "\\u",
          "\\ud8", "\xc3\xa9", "\xe4\xbd", "\xa0", "\xf0\x9f\x98", "\x80\"", "</arg_value>"}) {
      texts.emplace_back(piece);
    }
    if (with_tags) {
      for (const char* tag : {"<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>",
                              "<arg_value>", "</arg_value>", "<|begin_of_box|>"}) {
        added.push_back(static_cast<int32_t>(texts.size()));
        texts.emplace_back(tag);
      }
    }
    eos = static_cast<int32_t>(texts.size());
    texts.emplace_back("<|user|>");
    added.push_back(eos);
    texts.emplace_back();  // a row of the embedding without a token
  }

  GrammarVocabulary vocabulary() const {
    return {.token_bytes = [texts = texts](int32_t id) { return texts[id]; },
            .vocab_size = static_cast<int64_t>(texts.size()),
            .added_ids = added,
            .stop_ids = {eos}};
  }
  std::optional<int32_t> added_id(std::string_view text) const {
    for (const int32_t id : added) {
      if (texts[id] == text) return id;
    }
    return std::nullopt;
  }
  // Added tokens where they stand in the text, else bytes.
  std::vector<int32_t> encode(std::string_view text) const {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      int32_t id = static_cast<unsigned char>(text[0]);
      for (const int32_t tag : added) {
        if (text.starts_with(texts[tag])) id = tag;
      }
      ids.push_back(id);
      text.remove_prefix(texts[id].size());
    }
    return ids;
  }

  std::vector<std::string> texts;
  std::vector<int32_t> added;
  int32_t eos = 0;
};

// Draws among the tokens that may come, now and then only among those that tend to end things, as a
// model of random logits would need thousands of tokens. None when `max_tokens` are not enough.
inline std::optional<std::string> random_sample(
    const ToyVocabulary& toy, const std::shared_ptr<const CompiledGrammar>& grammar, Random& random,
    int max_tokens) {
  constexpr std::string_view kEnders = "\"}],:0";
  GrammarMatcher matcher(grammar);
  std::string out;
  for (int i = 0; i < max_tokens; ++i) {
    std::vector<int32_t> allowed, enders;
    for (int32_t id = 0; id < std::ssize(toy.texts); ++id) {
      if (!matcher.allows(id)) continue;
      allowed.push_back(id);
      const std::string& text = toy.texts[id];
      if (id == toy.eos || (!text.empty() && kEnders.find(text[0]) != std::string_view::npos)) {
        enders.push_back(id);
      }
    }
    if (allowed.empty()) return std::nullopt;
    const bool end = !enders.empty() && random.uniform() < (i < max_tokens / 2 ? 0.2 : 0.9);
    const std::vector<int32_t>& from = end ? enders : allowed;
    const auto last = static_cast<double>(from.size());
    const int32_t id =
        from[std::min(from.size() - 1, static_cast<size_t>(random.uniform() * last))];
    if (id == toy.eos) return out;
    if (!matcher.accept(id)) return std::nullopt;
    out += toy.texts[id];
  }
  return std::nullopt;
}

// Whether a grammar takes `text` and may end there.
inline bool grammar_takes(const ToyVocabulary& toy,
                          const std::shared_ptr<const CompiledGrammar>& grammar,
                          std::string_view text) {
  GrammarMatcher matcher(grammar);
  for (const int32_t id : toy.encode(text)) {
    if (!matcher.allows(id) || !matcher.accept(id)) return false;
  }
  return matcher.is_complete();
}

}  // namespace glmv::runtime
