#pragma once
// Questions with true answers about generated pictures. A sample is a pure function of (split,
// task, index): the same on every machine that has the fonts (fonts.h: check_fonts() first).
//
// Splits differ in seeds, fonts, wordings, words and colour-shape pairs (world.h, wordings.h,
// words.h). README.md in models/nano lists what may be asked.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/image.h"
#include "glmv/synth/world.h"

namespace glmv::synth {

enum class Task {
  kAttribute,  // colour of a shape, shape of a colour, size, largest, smallest
  kCount,      // 0 to 6 objects
  kPosition,   // leftmost ..., relation of two objects, quadrant
  kRead,       // numbers of 1 to 4 digits
  kWord,       // words of 3 to 6 letters, lines of two words
  kSum,        // of two drawn numbers
  kGround,     // boxes of named objects
  kClick,      // box to press: buttons, checkboxes, objects
  kChart,      // values and extremes of a bar chart
  kList,       // all objects in reading order; training only
  kDetect,     // all objects with their boxes; training only
  kLookup,     // several colours, shapes or places in one answer; training only
};

enum class VerifierKind {
  kExact,    // the same text, apart from case and outer spaces
  kInteger,  // the same number
  kIou,      // the same number of boxes, each with IoU > 0.5
  kInside,   // a point, or the centre of a box, inside the gold box
};
std::string_view verifier_name(VerifierKind kind);

struct TaskInfo {
  Task task;
  std::string_view name;
  bool training_only;
};
std::span<const TaskInfo> task_table();
std::string_view task_name(Task task);
// invalid_argument that lists the known names.
Result<Task> task_by_name(std::string_view name);

struct QaSample {
  Task task = Task::kAttribute;
  bool think = true;           // false: the question ends with "/nothink"
  bool needs_thought = false;  // no such form: the thought does the work
  Scene scene;                 // what the picture shows
  media::Image image;
  std::string question;
  std::string thought;  // the procedure that leads to the answer
  std::string answer;   // gold: the content of the answer's box tokens
  std::string reply;    // the full target text (4.1V form), see make_reply
  VerifierKind verifier = VerifierKind::kExact;
  std::vector<GridBox> boxes;  // gold boxes of kIou and kInside
};

// Difficulty: 1 few, large, on plain ground; 2 in between; 3 the whole range of the world.
inline constexpr int kNumTiers = 3;

// "<think>thought</think><answer><|begin_of_box|>answer<|end_of_box|></answer>"; without a thought
// the think pair is empty.
std::string make_reply(std::string_view thought, std::string_view answer);

QaSample make_sample(Split split, Task task, uint64_t index);

struct SampleOptions {
  int tier = 0;  // 1 to 3; 0: drawn
  double nothink_share = 0.25;
};
QaSample make_sample(Split split, Task task, uint64_t index, const SampleOptions& options);

// What the training of one stage is made of.
struct Mixture {
  std::string_view name;
  std::vector<double> task_weights;  // by Task
  std::vector<double> tier_weights;  // tiers 1 to 3
  double nothink_share = 0.25;
};
std::span<const Mixture> mixtures();
// invalid_argument that lists the known names.
Result<const Mixture*> mixture_by_name(std::string_view name);

// Training sample number `index` of a stage. Thread-safe.
QaSample make_training_sample(uint64_t index, const Mixture& mixture);

}  // namespace glmv::synth
