#include "apps/glmv/ground_batch.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "apps/glmv/command.h"
#include "apps/glmv/progress_line.h"
#include "glmv/base/files.h"
#include "glmv/base/json_lines.h"
#include "glmv/grounding/annotation_json.h"
#include "glmv/grounding/results_file.h"

namespace glmv::app {
namespace {

namespace fs = std::filesystem;
using Key = std::pair<std::string, std::string>;  // picture and query

std::string text_of(const Json& line, const char* key) {
  const auto it = line.find(key);
  return it != line.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Key key_of(const Json& line) { return {text_of(line, "image"), text_of(line, "query")}; }

class Output {
 public:
  Result<void> open(const std::string& path) {
    if (path.empty()) return {};
    GLMV_ASSIGN(file_, grounding::ResultsFile::open(
                           path, [this](const Json& line) { done_.insert(key_of(line)); }));
    return {};
  }
  bool is_done(const GroundJob& job) const { return done_.contains({job.image, job.query}); }
  Result<void> write(const Json& line) {
    if (file_) return file_->append(line);
    fmt::print("{}\n", line.dump(-1, ' ', false, Json::error_handler_t::replace));
    std::fflush(stdout);
    return {};
  }

 private:
  std::unique_ptr<grounding::ResultsFile> file_;
  std::set<Key> done_;
};

// Of this picture alone: others can go on.
bool is_of_the_picture(const Status& status) {
  return status.code != Code::kUnavailable && status.code != Code::kInternal &&
         status.code != Code::kCancelled;
}

}  // namespace

Result<GroundBatchCounts> run_ground_batch(
    api::ChatBackend& backend, const api::ChatRequest& request, const GroundBatch& batch,
    PictureInput& input,
    const std::function<Result<void>(const grounding::Annotations&, const InputPicture&)>&
        on_answer) {
  Output output;
  GLMV_RETURN_IF_ERROR(output.open(batch.lines));
  GroundBatchCounts counts;
  for (const GroundJob& job : batch.jobs) counts.num_skipped += output.is_done(job) ? 1 : 0;
  ProgressLine progress;
  int64_t num_done = counts.num_skipped;
  for (const GroundJob& job : batch.jobs) {
    if (output.is_done(job)) continue;
    if (interrupted()) break;
    progress.show(num_done, std::ssize(batch.jobs), counts.num_skipped);
    const auto fail = [&](const Status& status) -> Result<void> {
      if (!is_of_the_picture(status) && !is_web_url(job.path)) return std::unexpected(status);
      ++counts.num_failed;
      return output.write({{"image", job.image}, {"query", job.query}, {"error", status.message}});
    };
    const auto picture = input.load(job.path);
    if (!picture) {
      GLMV_RETURN_IF_ERROR(fail(picture.error()));
      ++num_done;
      continue;
    }
    auto answer = grounding::ask_where(backend, request,
                                       {.query = job.query,
                                        .whole = job.whole,
                                        .source = picture->source,
                                        .width = picture->image.width,
                                        .height = picture->image.height,
                                        .find = batch.find,
                                        .retries = batch.retries},
                                       [](const api::ChatChunk&) { return !interrupted(); });
    if (interrupted()) break;  // half an answer is asked again
    if (!answer) {
      if (!is_of_the_picture(answer.error())) return std::unexpected(answer.error());
      GLMV_RETURN_IF_ERROR(fail(answer.error()));
      ++num_done;
      continue;
    }
    answer->annotations.image = job.image;
    answer->annotations.page = picture->page;
    Json line = grounding::to_json(answer->annotations);
    line["attempts"] = answer->attempts;
    line["in_pixels"] = answer->in_pixels;
    progress.clear();
    GLMV_RETURN_IF_ERROR(output.write(line));
    ++counts.num_answered;
    ++num_done;
    if (on_answer) GLMV_RETURN_IF_ERROR(on_answer(answer->annotations, *picture));
  }
  progress.clear();
  counts.stopped = interrupted();
  return counts;
}

std::vector<GroundJob> jobs_of(const std::vector<grounding::TruthItem>& truth,
                               const std::string& truth_file) {
  std::vector<GroundJob> jobs;
  const fs::path folder = fs::path(truth_file).parent_path();
  for (const grounding::TruthItem& item : truth) {
    jobs.push_back({item.image,
                    is_web_url(item.image) ? item.image : (folder / item.image).string(),
                    item.query, item.whole});
  }
  return jobs;
}

Result<grounding::EvalCounts> count_lines(const std::vector<grounding::TruthItem>& truth,
                                          const std::string& lines) {
  GLMV_ASSIGN(const std::string text, read_file(lines));
  std::map<Key, grounding::Annotations> found;
  GLMV_RETURN_IF_ERROR(
      each_json_line(text, lines, [&](const Json& json, const std::string& where) -> Result<void> {
        if (json.is_object() && json.contains("error")) return {};
        auto annotations = grounding::annotations_from_json(json);
        if (!annotations) return in_context(where, annotations.error());
        found[key_of(json)] = std::move(*annotations);
        return {};
      }));
  grounding::EvalCounts counts;
  for (const grounding::TruthItem& item : truth) {
    const auto it = found.find({item.image, item.query});
    const std::vector<grounding::UnitBox> predicted =
        it == found.end() ? std::vector<grounding::UnitBox>() : grounding::boxes_of(it->second);
    grounding::count_item(item.boxes, predicted, counts);
    // No answer is not the answer that there is nothing.
    if (it == found.end() && item.boxes.empty()) --counts.num_right;
  }
  return counts;
}

}  // namespace glmv::app
