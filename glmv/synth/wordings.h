#pragma once
// The wordings of every question form; some are kept for testing only.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glmv/synth/dice.h"
#include "glmv/synth/world.h"

namespace glmv::synth {

enum class Form {
  kColorOf,
  kShapeOf,
  kSizeOf,
  kBiggest,
  kCountAll,
  kCountColor,
  kCountShape,
  kCountPair,
  kExtreme,
  kRelation,
  kSideOf,
  kQuadrantOf,
  kInQuadrant,
  kReadNumber,
  kReadWord,
  kReadLine,
  kSum,
  kGround,
  kGroundAll,
  kClickObject,
  kClickButton,
  kClickCheckbox,
  kClickClose,
  kBarValue,
  kBarColorValue,
  kBarExtreme,
  kList,
  kDetect,
  kColorsOf,
  kShapesOf,
  kSorted,
};

enum class Use { kTrain, kBoth, kTest };

// Placeholders: {name} from the caller; {a|b} is a free choice between alternatives.
struct Wording {
  Form form;
  Use use;
  std::string_view text;
};
std::span<const Wording> wordings();

// A wording that `split` may use, placeholders filled. In testing every second one is test-only.
std::string wording(Dice& dice, Split split, Form form,
                    const std::vector<std::pair<std::string, std::string>>& fills);

}  // namespace glmv::synth
