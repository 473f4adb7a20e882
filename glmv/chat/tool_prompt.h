#pragma once
// Tools for models whose template knows none (GLM-4.1V, experimental: they were not trained for
// it): declarations, calls and results as text, in the form that the other models of the family
// use.

#include <span>
#include <vector>

#include "glmv/text/messages.h"

namespace glmv::chat {

// `tools`: a list of declarations, or null. Declarations become a system message in front, calls a
// part of the assistant's text, results user messages.
std::vector<text::Message> spell_out_tools(std::span<const text::Message> messages,
                                           const Json& tools);

}  // namespace glmv::chat
