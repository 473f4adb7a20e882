#include "glmv/runtime/grammar_messages.h"

#include <stdexcept>

namespace glmv::runtime {
namespace {

thread_local GrammarMessages* collector = nullptr;
// XGrammar's level of a warning.
constexpr int kWarning = 2;

}  // namespace

GrammarMessages::GrammarMessages() : outer_(collector) { collector = this; }
GrammarMessages::~GrammarMessages() { collector = outer_; }

void collect_grammar_message(int level, const std::string& message) {
  if (collector != nullptr && level >= kWarning) collector->warnings.push_back(message);
}

}  // namespace glmv::runtime

// Called by XGrammar, built with XGRAMMAR_LOG_CUSTOMIZE (cmake/Xgrammar.cmake).
namespace xgrammar {

[[noreturn]] void LogFatalImpl(const std::string& /*file*/, int /*line*/,
                               const std::string& message) {
  throw std::runtime_error(message);
}

void LogMessageImpl(const std::string& /*file*/, int /*line*/, int level,
                    const std::string& message) {
  glmv::runtime::collect_grammar_message(level, message);
}

}  // namespace xgrammar
