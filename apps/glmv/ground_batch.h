#pragma once
// Many pictures asked one after the other into JSON Lines: resumed, stopped softly, counted.

#include <string>
#include <vector>

#include "apps/glmv/input_picture.h"
#include "glmv/api/chat_backend.h"
#include "glmv/grounding/ask.h"
#include "glmv/grounding/evaluation.h"

namespace glmv::app {

struct GroundJob {
  std::string image;  // as it stands in the lines
  std::string path;   // where it is
  std::string query;
  bool whole = false;  // the query is the whole question
};

struct GroundBatch {
  std::vector<GroundJob> jobs;
  std::string lines;  // the file; empty: standard output
  grounding::FindOptions find;
  int retries = 1;
};

struct GroundBatchCounts {
  int64_t num_answered = 0, num_failed = 0, num_skipped = 0;
  bool stopped = false;
};

// A line: grounding::to_json and "attempts", "in_pixels"; or "image", "query" and "error" for a
// picture that cannot be read. What stands in the file already is not asked again. `on_answer` gets
// what this run finds. `input` has opened what the jobs name. Errors: the backend's, and those of
// the file.
Result<GroundBatchCounts> run_ground_batch(
    api::ChatBackend& backend, const api::ChatRequest& request, const GroundBatch& batch,
    PictureInput& input,
    const std::function<Result<void>(const grounding::Annotations&, const InputPicture&)>&
        on_answer);

// Jobs of a dataset; pictures are searched in its folder.
std::vector<GroundJob> jobs_of(const std::vector<grounding::TruthItem>& truth,
                               const std::string& truth_file);

// Counts the lines of a file against a dataset. Items without a line, or with an error in it, count
// as not found. Errors: not_found, invalid_argument.
Result<grounding::EvalCounts> count_lines(const std::vector<grounding::TruthItem>& truth,
                                          const std::string& lines);

}  // namespace glmv::app
