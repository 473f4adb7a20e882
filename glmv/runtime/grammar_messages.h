#pragma once
// What XGrammar has to say while it compiles. It prints warnings where a keyword is left out; here
// they are collected, so that they become errors. Private to the grammar compiler.

#include <string>
#include <vector>

namespace glmv::runtime {

// Collects the messages of this thread while it lives. Without one they are dropped.
class GrammarMessages {
 public:
  GrammarMessages();
  ~GrammarMessages();
  GrammarMessages(const GrammarMessages&) = delete;
  GrammarMessages& operator=(const GrammarMessages&) = delete;

  std::vector<std::string> warnings;

 private:
  GrammarMessages* outer_;
};

}  // namespace glmv::runtime
