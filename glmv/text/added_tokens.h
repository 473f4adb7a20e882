#pragma once
// Finds added tokens ("<|user|>", "</think>") in raw text: leftmost first, at equal start the
// longest. Immutable after build, thread-safe.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/text/byte_range.h"

namespace glmv::text {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;
  bool lstrip = false;      // takes the white space before it
  bool rstrip = false;      // takes the white space after it
  bool normalized = false;  // is looked for after all tokens that are not
};

struct AddedMatch {
  ByteRange range;  // with the white space that lstrip and rstrip take
  int32_t id = 0;
};

class AddedTokens {
 public:
  // invalid_argument for empty or duplicate contents, and contents over 4,096 bytes.
  static Result<AddedTokens> build(std::vector<AddedToken> tokens);

  // Matches in `text` (valid UTF-8), in order, disjoint. With `skip_special`, tokens with
  // special=true are passed over as plain text. No match touches a range of `untrusted` (sorted,
  // disjoint, within the text).
  std::vector<AddedMatch> find(std::string_view text, bool skip_special,
                               std::span<const ByteRange> untrusted) const;

  const AddedToken* by_content(std::string_view content) const;
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  // Children of a node form a list; the first byte is looked up in a table.
  struct Node {
    int32_t first_child = -1;
    int32_t next_sibling = -1;
    int32_t token = -1;
    char byte = 0;
  };
  struct Trie {
    std::vector<Node> nodes;
    std::array<int32_t, 256> roots;
    Trie() { roots.fill(-1); }
    void insert(std::string_view content, int32_t token);
    int32_t child(int32_t node, char byte) const;
    // Longest token that starts at text[pos]; -1 if none.
    int32_t longest(std::string_view text, size_t pos) const;
  };
  void find_in(const Trie& trie, std::string_view text, ByteRange stretch, bool skip_special,
               std::vector<AddedMatch>& out) const;

  std::vector<AddedToken> tokens_;
  Trie raw_;         // normalized=false: matched first
  Trie normalized_;  // matched in what is left
  Trie all_;         // for by_content
};

}  // namespace glmv::text
