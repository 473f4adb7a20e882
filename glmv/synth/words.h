#pragma once
// Words that are written into pictures; some are kept for testing only.

#include <span>
#include <string_view>

#include "glmv/synth/dice.h"
#include "glmv/synth/world.h"

namespace glmv::synth {

// Three to six letters, lower case.
std::span<const std::string_view> training_words();
std::span<const std::string_view> test_words();
// Labels of buttons and checkboxes, titles of windows (capitalised): the same in training and
// testing.
std::span<const std::string_view> labels();

// In testing every second word is a test-only one.
std::string_view random_word(Dice& dice, Split split);

// Consonants and vowels in turn, no word of any list: teaches spelling instead of guessing.
std::string invented_word(Dice& dice);

}  // namespace glmv::synth
