#pragma once
// What stands in every cell of a picture: a cell is the square that one visual token sees. Targets
// for the vision tower alone, so that a model of this size need not discover seeing through the
// few words of an answer.

#include <string>
#include <vector>

#include "glmv/synth/world.h"

namespace glmv::synth {

inline constexpr int kCellSide = 28;  // pixels: patch size 14, merged two by two

// Cells row by row, of each the words for what it shows, every word one token of the embedded
// model's tokenizer: colour and shape of an object (" red", " star"), the kind of a control
// (" button"), written characters ("7"), where these begin and end in the picture, as letters for
// its thirteenths (left " a".." m", right " n".." z", top " A".." M", bottom " N".." Z"; of
// characters only left and top), which object or character it is in reading order (up to the
// sixth), or " none". No words where only the rim of something is seen.
std::vector<std::vector<std::string>> cell_words(const Scene& scene);

}  // namespace glmv::synth
