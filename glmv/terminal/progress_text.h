#pragma once
// What a reply waits for, in one line.

#include <string>

#include "glmv/api/chat_types.h"

namespace glmv::terminal {

// Of a chunk with a progress_phase, `spent_s` after that began: "reading clip.mp4: 3 of 24 frames",
// "reading the prompt 40 % of 900 tokens, 3.1 s left". Fit for a terminal.
std::string progress_text(const api::ChatChunk& chunk, double spent_s);

// "9.8 s", "2 min 05 s"
std::string duration_text(double seconds);

}  // namespace glmv::terminal
