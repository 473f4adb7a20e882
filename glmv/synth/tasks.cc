#include "glmv/synth/tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "glmv/base/check.h"
#include "glmv/synth/draft.h"
#include "glmv/synth/render.h"

namespace glmv::synth {
namespace {

struct Row {
  TaskInfo info;
  bool (*draft)(Draft&);
};
constexpr std::array kRows = {
    Row{{Task::kAttribute, "attribute", false}, draft_attribute},
    Row{{Task::kCount, "count", false}, draft_count},
    Row{{Task::kPosition, "position", false}, draft_position},
    Row{{Task::kRead, "read", false}, draft_read},
    Row{{Task::kWord, "word", false}, draft_word},
    Row{{Task::kSum, "sum", false}, draft_sum},
    Row{{Task::kGround, "ground", false}, draft_ground},
    Row{{Task::kClick, "click", false}, draft_click},
    Row{{Task::kChart, "chart", false}, draft_chart},
    Row{{Task::kList, "list", true}, draft_list},
    Row{{Task::kDetect, "detect", true}, draft_detect},
    Row{{Task::kLookup, "lookup", true}, draft_lookup},
};

constexpr auto kInfos = [] {
  std::array<TaskInfo, kRows.size()> infos{};
  for (size_t i = 0; i < infos.size(); ++i) infos[i] = kRows[i].info;
  return infos;
}();

// Far apart, so that no training index meets a test index.
constexpr uint64_t kTrainSeed = 0x7452A11ull;
constexpr uint64_t kTestSeed = 0x9E57ED00ull;

template <class Range, class Name>
std::string known_names(const Range& range, Name name) {
  std::string text;
  for (const auto& row : range) {
    if (!text.empty()) text += ", ";
    text += name(row);
  }
  return text;
}

}  // namespace

std::string_view verifier_name(VerifierKind kind) {
  constexpr std::string_view kNames[] = {"exact", "integer", "iou", "inside"};
  return kNames[static_cast<int>(kind)];
}

std::span<const TaskInfo> task_table() { return kInfos; }

std::string_view task_name(Task task) { return kInfos[static_cast<int>(task)].name; }

Result<Task> task_by_name(std::string_view name) {
  for (const TaskInfo& info : kInfos) {
    if (info.name == name) return info.task;
  }
  return invalid_argument("unknown task \"{}\"; known are {}", name,
                          known_names(kInfos, [](const TaskInfo& info) { return info.name; }));
}

std::string place(size_t index) { return {' ', static_cast<char>('a' + index)}; }

std::string listing(const std::vector<ShapeItem>& shapes, bool shape_first) {
  std::string text;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string_view color = color_name(shapes[i].color);
    const std::string_view shape = shape_name(shapes[i].shape);
    text += fmt::format("{}{} {}{}", i > 0 ? " " : "", shape_first ? shape : color,
                        shape_first ? color : shape, place(i));
  }
  return text;
}

std::string coarse(double value, int extent) {
  return fmt::format("{:02}", std::clamp(static_cast<int>(value * 100 / extent), 0, 99));
}

std::string located(std::string_view name, size_t index, const Box& box, const Scene& scene) {
  return fmt::format("{}{} {} {}", name, place(index), coarse(box.center_x(), scene.width),
                     coarse(box.center_y(), scene.height));
}

std::string make_reply(std::string_view thought, std::string_view answer) {
  return fmt::format("<think>{}</think><answer><|begin_of_box|>{}<|end_of_box|></answer>", thought,
                     answer);
}

QaSample make_sample(Split split, Task task, uint64_t index, const SampleOptions& options) {
  GLMV_CHECK(options.tier >= 0 && options.tier <= kNumTiers, "tier {}", options.tier);
  const Row& row = kRows[static_cast<int>(task)];
  const uint64_t base = split == Split::kTrain ? kTrainSeed : kTestSeed;
  Dice dice(mix_seed(base, static_cast<uint64_t>(task), index, options.tier));
  const int tier = options.tier > 0 ? options.tier : 1 + dice.weighted({0.2, 0.4, 0.4});
  const uint64_t plan = dice.bits();
  // The scene may fail for lack of room or because the answer would not be unique.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    Draft draft{Dice(dice.bits()), split, tier, {}, Dice(plan)};
    draft.sample.task = task;
    if (!row.draft(draft)) continue;
    QaSample& sample = draft.sample;
    sample.think = sample.needs_thought || !dice.chance(options.nothink_share);
    if (!sample.think) {
      sample.question += dice.chance(0.2) ? " /nothink" : "/nothink";
      sample.thought.clear();
    }
    sample.reply = make_reply(sample.thought, sample.answer);
    sample.image = render(sample.scene, dice.bits());
    return std::move(sample);
  }
  GLMV_CHECK(false, "no {} scene found for index {}", row.info.name, index);
}

QaSample make_sample(Split split, Task task, uint64_t index) {
  return make_sample(split, task, index, SampleOptions{});
}

}  // namespace glmv::synth
