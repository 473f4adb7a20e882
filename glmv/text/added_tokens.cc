#include "glmv/text/added_tokens.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/text/unicode_classes.h"

namespace glmv::text {
namespace {

constexpr size_t kMaxContentBytes = 4096;

// Start of the white space that ends at `end`, not before `limit`.
size_t space_begin(std::string_view text, size_t end, size_t limit) {
  while (end > limit) {
    size_t pos = end - 1;
    while (pos > limit && (static_cast<unsigned char>(text[pos]) & 0xC0) == 0x80) --pos;
    if (char_class(decode_utf8(text, pos).code_point) != CharClass::kSpace) break;
    end = pos;
  }
  return end;
}

size_t space_end(std::string_view text, size_t pos, size_t limit) {
  while (pos < limit) {
    const DecodedChar c = decode_utf8(text, pos);
    if (char_class(c.code_point) != CharClass::kSpace) break;
    pos += c.num_bytes;
  }
  return pos;
}

}  // namespace

int32_t AddedTokens::Trie::child(int32_t node, char byte) const {
  for (int32_t c = nodes[node].first_child; c >= 0; c = nodes[c].next_sibling) {
    if (nodes[c].byte == byte) return c;
  }
  return -1;
}

void AddedTokens::Trie::insert(std::string_view content, int32_t token) {
  int32_t& root = roots[static_cast<unsigned char>(content[0])];
  if (root < 0) {
    root = static_cast<int32_t>(nodes.size());
    nodes.push_back({.byte = content[0]});
  }
  int32_t node = root;
  for (const char byte : content.substr(1)) {
    int32_t next = child(node, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes.size());
      nodes.push_back({.next_sibling = nodes[node].first_child, .byte = byte});
      nodes[node].first_child = next;
    }
    node = next;
  }
  nodes[node].token = token;
}

int32_t AddedTokens::Trie::longest(std::string_view text, size_t pos) const {
  int32_t node = roots[static_cast<unsigned char>(text[pos])];
  int32_t found = -1;
  while (node >= 0) {
    if (nodes[node].token >= 0) found = nodes[node].token;
    if (++pos >= text.size()) break;
    node = child(node, text[pos]);
  }
  return found;
}

Result<AddedTokens> AddedTokens::build(std::vector<AddedToken> tokens) {
  AddedTokens result;
  result.tokens_ = std::move(tokens);
  for (size_t i = 0; i < result.tokens_.size(); ++i) {
    const AddedToken& token = result.tokens_[i];
    if (token.content.empty()) {
      return invalid_argument("added token {} has an empty content", token.id);
    }
    if (token.content.size() > kMaxContentBytes) {
      return invalid_argument("added token {} is {} bytes long; at most {} are supported", token.id,
                              token.content.size(), kMaxContentBytes);
    }
    if (const AddedToken* other = result.by_content(token.content)) {
      return invalid_argument("added token \"{}\" is defined twice (ids {} and {})", token.content,
                              other->id, token.id);
    }
    const auto index = static_cast<int32_t>(i);
    result.all_.insert(token.content, index);
    (token.normalized ? result.normalized_ : result.raw_).insert(token.content, index);
  }
  return result;
}

const AddedToken* AddedTokens::by_content(std::string_view content) const {
  if (content.empty()) return nullptr;
  int32_t node = all_.roots[static_cast<unsigned char>(content[0])];
  for (size_t i = 1; node >= 0 && i < content.size(); ++i) node = all_.child(node, content[i]);
  if (node < 0 || all_.nodes[node].token < 0) return nullptr;
  return &tokens_[all_.nodes[node].token];
}

void AddedTokens::find_in(const Trie& trie, std::string_view text, ByteRange stretch,
                          bool skip_special, std::vector<AddedMatch>& out) const {
  if (trie.nodes.empty()) return;
  const std::string_view visible = text.substr(0, stretch.end);
  size_t covered = stretch.begin;
  for (size_t pos = stretch.begin; pos < stretch.end;) {
    const int32_t found = trie.longest(visible, pos);
    if (found < 0) {
      ++pos;
      continue;
    }
    const AddedToken& token = tokens_[found];
    const size_t end = pos + token.content.size();
    if (skip_special && token.special) {
      // Tokens inside a passed-over one are not looked for either, as in the reference.
      pos = end;
      continue;
    }
    ByteRange range{pos, end};
    if (token.lstrip) range.begin = space_begin(text, pos, covered);
    if (token.rstrip) range.end = space_end(text, end, stretch.end);
    out.push_back({range, token.id});
    covered = range.end;
    pos = range.end;
  }
}

std::vector<AddedMatch> AddedTokens::find(std::string_view text, bool skip_special,
                                          std::span<const ByteRange> untrusted) const {
  std::vector<AddedMatch> matches;
  // Tokens are looked for in the stretches between untrusted ranges, each on its own.
  size_t begin = 0;
  for (size_t i = 0; i <= untrusted.size(); ++i) {
    const size_t end = i < untrusted.size() ? untrusted[i].begin : text.size();
    if (i < untrusted.size() && untrusted[i].begin == untrusted[i].end) continue;
    find_in(raw_, text, {begin, end}, skip_special, matches);
    if (!normalized_.nodes.empty()) {
      std::vector<AddedMatch> late;
      size_t gap = begin;
      const auto first = std::partition_point(matches.begin(), matches.end(),
                                              [&](const auto& m) { return m.range.begin < begin; });
      for (auto it = first; it != matches.end(); ++it) {
        find_in(normalized_, text, {gap, it->range.begin}, skip_special, late);
        gap = it->range.end;
      }
      find_in(normalized_, text, {gap, end}, skip_special, late);
      matches.insert(matches.end(), late.begin(), late.end());
      std::sort(matches.begin(), matches.end(),
                [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
    }
    if (i < untrusted.size()) begin = untrusted[i].end;
  }
  return matches;
}

}  // namespace glmv::text
