#include "glmv/synth/export.h"

#include <fmt/format.h>

#include <system_error>

#include "glmv/base/files.h"
#include "glmv/base/json_lines.h"
#include "glmv/synth/degrade.h"
#include "glmv/synth/dice.h"
#include "glmv/synth/fonts.h"
#include "glmv/synth/render.h"

namespace glmv::synth {
namespace {

std::vector<Task> chosen_tasks(const ExportOptions& options) {
  if (!options.tasks.empty()) return options.tasks;
  std::vector<Task> tasks;
  for (const TaskInfo& info : task_table()) {
    if (!info.training_only) tasks.push_back(info.task);
  }
  return tasks;
}

void blind(media::Image& image, uint64_t seed) {
  for (uint8_t& value : image.data) value = 128;
  add_noise(image, 127, seed);
}

EvalItem eval_item(const QaSample& sample, const std::string& id, const std::string& path) {
  return {id,
          std::string(task_name(sample.task)),
          path,
          sample.question,
          sample.answer,
          sample.verifier,
          sample.boxes,
          sample.think};
}

Result<VerifierKind> verifier_by_name(std::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (verifier_name(static_cast<VerifierKind>(i)) == name) return static_cast<VerifierKind>(i);
  }
  return invalid_argument("unknown verifier \"{}\"; known are exact, integer, iou, inside", name);
}

Result<EvalItem> parse_item(const Json& json) {
  EvalItem item;
  const auto text = [&](const char* key, std::string& out) -> Result<void> {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_string()) {
      return invalid_argument("\"{}\" must be a string", key);
    }
    out = found->get<std::string>();
    return {};
  };
  std::string verifier;
  GLMV_RETURN_IF_ERROR(text("id", item.id));
  GLMV_RETURN_IF_ERROR(text("task", item.task));
  GLMV_RETURN_IF_ERROR(text("image", item.image));
  GLMV_RETURN_IF_ERROR(text("question", item.question));
  GLMV_RETURN_IF_ERROR(text("answer", item.answer));
  GLMV_RETURN_IF_ERROR(text("verifier", verifier));
  GLMV_ASSIGN(item.verifier, verifier_by_name(verifier));
  if (const auto think = json.find("think"); think != json.end()) {
    if (!think->is_boolean()) return invalid_argument("\"think\" must be true or false");
    item.think = think->get<bool>();
  }
  const auto boxes = json.find("boxes");
  if (boxes == json.end()) return item;
  if (!boxes->is_array()) return invalid_argument("\"boxes\" must be an array of boxes");
  for (const Json& row : *boxes) {
    bool good = row.is_array() && row.size() == 4;
    for (size_t i = 0; good && i < 4; ++i) {
      good = row[i].is_number_integer() && row[i] >= 0 && row[i] <= 1000;
    }
    if (!good) return invalid_argument("a box must be four integers in 0-1000");
    item.boxes.push_back(
        {row[0].get<int>(), row[1].get<int>(), row[2].get<int>(), row[3].get<int>()});
  }
  return item;
}

class Exporter {
 public:
  Exporter(const std::filesystem::path& folder, bool blind_pictures)
      : folder_(folder), blind_(blind_pictures) {}

  Result<void> add(QaSample sample, const std::string& id) {
    const std::string path = fmt::format("images/{}.png", id);
    if (blind_) blind(sample.image, mix_seed(0xB11D, conversations_.size()));
    GLMV_RETURN_IF_ERROR(write_file_atomic(folder_ / path, encode_png(sample.image)));
    conversations_.push_back(to_finetune_json(sample, path));
    lines_ += to_json(eval_item(sample, id, path)).dump() + "\n";
    return {};
  }

  Result<void> finish() {
    GLMV_RETURN_IF_ERROR(write_file_atomic(folder_ / "eval.jsonl", lines_));
    return write_file_atomic(folder_ / "finetune.json", conversations_.dump(1) + "\n");
  }

 private:
  std::filesystem::path folder_;
  bool blind_;
  Json conversations_ = Json::array();
  std::string lines_;
};

}  // namespace

Json to_json(const EvalItem& item) {
  Json json = {{"id", item.id},         {"task", item.task},
               {"image", item.image},   {"question", item.question},
               {"answer", item.answer}, {"verifier", verifier_name(item.verifier)},
               {"think", item.think}};
  if (!item.boxes.empty()) {
    Json boxes = Json::array();
    for (const GridBox& box : item.boxes) boxes.push_back({box.x1, box.y1, box.x2, box.y2});
    json["boxes"] = boxes;
  }
  return json;
}

Json to_finetune_json(const QaSample& sample, const std::string& image_path) {
  return {{"messages", Json::array({{{"role", "user"}, {"content", "<image>" + sample.question}},
                                    {{"role", "assistant"}, {"content", sample.reply}}})},
          {"images", Json::array({image_path})}};
}

Result<void> export_dataset(const std::filesystem::path& folder, const ExportOptions& options) {
  if (options.mixture != nullptr && options.split == Split::kTest) {
    return invalid_argument("mixture \"{}\" is for training; choose the train split, or tasks",
                            options.mixture->name);
  }
  GLMV_RETURN_IF_ERROR(check_fonts());
  std::error_code error;
  std::filesystem::create_directories(folder / "images", error);
  if (error) return invalid_argument("{}: {}", (folder / "images").string(), error.message());
  Exporter exporter(folder, options.blind);
  const uint64_t end = options.first_index + options.count;
  if (options.mixture != nullptr) {
    for (uint64_t i = options.first_index; i < end; ++i) {
      GLMV_RETURN_IF_ERROR(exporter.add(make_training_sample(i, *options.mixture),
                                        fmt::format("{}_{:06}", options.mixture->name, i)));
    }
    return exporter.finish();
  }
  SampleOptions sample_options;
  sample_options.nothink_share = options.nothink_share;
  for (Task task : chosen_tasks(options)) {
    for (uint64_t i = options.first_index; i < end; ++i) {
      GLMV_RETURN_IF_ERROR(exporter.add(make_sample(options.split, task, i, sample_options),
                                        fmt::format("{}_{:06}", task_name(task), i)));
    }
  }
  return exporter.finish();
}

Result<std::vector<EvalItem>> read_eval(const std::filesystem::path& path) {
  GLMV_ASSIGN(const std::string text, read_file(path));
  std::vector<EvalItem> items;
  GLMV_RETURN_IF_ERROR(each_json_line(
      text, path.string(), [&](const Json& json, const std::string& where) -> Result<void> {
        if (!json.is_object()) return invalid_argument("{}: must be an object", where);
        Result<EvalItem> item = parse_item(json);
        if (!item) return in_context(where, item.error());
        items.push_back(*std::move(item));
        return {};
      }));
  return items;
}

}  // namespace glmv::synth
