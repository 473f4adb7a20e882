#pragma once
// Is an answer right? Decides by the sample's verifier, on text alone.

#include <string_view>
#include <vector>

#include "glmv/synth/tasks.h"

namespace glmv::synth {

// What a model's reply answers: the content of its last pair of box tokens; without them the text
// of <answer>, without that what follows </think>. Outer spaces are cut.
std::string_view answer_of(std::string_view reply);

// Boxes "[[x1,y1,x2,y2],...]", also a single "[x1,y1,x2,y2]" or points "[x,y]" (x1 = x2, y1 = y2);
// spaces are ignored. Empty when the text is anything else or a number is outside 0-1000.
std::vector<GridBox> parse_boxes(std::string_view text);

// Intersection over union.
double iou(const GridBox& a, const GridBox& b);

// Whether `answer` (as of answer_of) is right. Never fails on any text.
bool check(const QaSample& sample, std::string_view answer);

// The same from the parts of a sample that a dataset file keeps.
bool check(VerifierKind kind, std::string_view gold, const std::vector<GridBox>& boxes,
           std::string_view answer);

// kIou: share of gold boxes found (greedy matching) over the larger number of boxes; otherwise 0
// or 1.
double score(const QaSample& sample, std::string_view answer);

}  // namespace glmv::synth
