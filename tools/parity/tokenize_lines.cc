// Reads lines of JSON {"text": ..., "split_special": bool} from standard input and writes per line
// {"ids": [...], "text": decoded, "plain": decoded without special tokens} or {"error": ...}.
// Usage: tokenize_lines FOLDER_WITH_TOKENIZER_JSON < in > out
#include <iostream>

#include "glmv/base/json.h"
#include "glmv/text/tokenizer.h"

int main(int argc, char** argv) {
  using glmv::Json;
  if (argc != 2) {
    std::cerr << "usage: tokenize_lines FOLDER < in > out\n";
    return 2;
  }
  const auto tokenizer = glmv::text::Tokenizer::load(argv[1]);
  if (!tokenizer) {
    std::cerr << tokenizer.error().message << "\n";
    return 1;
  }
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto request = glmv::parse_json(line, "line");
    if (!request || !request->is_object() || !request->contains("text")) {
      std::cerr << "bad line: " << line << "\n";
      return 1;
    }
    glmv::text::EncodeOptions options;
    options.split_special_tokens = request->value("split_special", false);
    const auto text = (*request)["text"].get<std::string>();
    const auto ids = tokenizer->encode(text, options);
    Json answer;
    if (ids) {
      answer["ids"] = *ids;
      answer["text"] = tokenizer->decode(*ids);
      answer["plain"] = tokenizer->decode(*ids, true);
    } else {
      answer["error"] = ids.error().message;
    }
    std::cout << answer.dump() << "\n";
  }
  return 0;
}
