// glmv ground: where things are on pictures, drawn and exported.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <iterator>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/ground_batch.h"
#include "apps/glmv/ground_outputs.h"
#include "apps/glmv/load_backend.h"
#include "apps/glmv/reply_printer.h"
#include "apps/glmv/standard_output.h"
#include "glmv/base/files.h"
#include "glmv/base/texts.h"
#include "glmv/grounding/annotation_json.h"

namespace glmv::app {
namespace {

struct GroundFlags {
  ModelFlags model;
  ChatFlags chat;
  std::vector<std::string> pictures;
  DocumentFlags documents;
  std::string query, from, truth, predictions, lines;
  std::string form = "auto", order = "code", pixels = "edge", camera;
  double view = 0;
  bool whole = false;
  int retries = 1;
  bool quiet = false;
  GroundFiles files;
};

Result<grounding::FindOptions> find_options(const GroundFlags& flags) {
  grounding::FindOptions options;
  options.form = *grounding::parse_form(flags.form);
  options.pixels =
      flags.pixels == "edge" ? grounding::PixelRule::kEdge : grounding::PixelRule::kUpstream;
  GLMV_ASSIGN(options.order, grounding::parse_order(flags.order));
  if (flags.view > 0) options.view_degrees = flags.view;
  if (!flags.camera.empty()) {
    GLMV_ASSIGN(options.camera, grounding::parse_camera(flags.camera));
  }
  return options;
}

Result<std::string> read_text(const std::string& from) {
  if (from != "-") {
    std::error_code error;
    // A name of a file is more likely meant than an answer that happens to be one.
    if (from.size() < 4096 && std::filesystem::is_regular_file(from, error)) {
      return read_file(from, size_t{64} << 20);
    }
    return from;
  }
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

void explain(const GroundFlags& flags, const grounding::Annotations& found, bool in_pixels) {
  if (flags.quiet) return;
  if (found.items.empty()) {
    const bool long_text = found.raw_text.size() > 300;
    const std::string text = text_for(STDERR_FILENO, found.raw_text.substr(0, 300));
    fmt::print(stderr, "{}{}\n", tr_format("nothing to mark in the answer: {}", text),
               long_text ? "..." : "");
  }
  for (const std::string& text : found.rejected) {
    fmt::print(stderr, "{}\n",
               tr_format("left out, not four numbers or two: {}",
                         text_for(STDERR_FILENO, text.substr(0, 100))));
  }
  if (in_pixels) {
    fmt::print(stderr, "{}\n",
               tr("warning: the answer has values above 1000, it is in pixels of some size; ask "
                  "again with --retries, or name the question differently"));
  }
}

Result<int> show(const GroundFlags& flags, GroundWriter& writer,
                 const grounding::Annotations& found, const InputPicture& picture, bool in_pixels) {
  if (!writer.prints_json()) fmt::print("{}", text_for(STDOUT_FILENO, annotation_lines(found)));
  explain(flags, found, in_pixels);
  GLMV_RETURN_IF_ERROR(writer.write(found, picture));
  return 0;
}

// The same text for every picture, without a model.
Result<int> run_from_text(const GroundFlags& flags, const grounding::FindOptions& options,
                          PictureInput& input, const std::vector<std::string>& names) {
  GLMV_ASSIGN(const std::string text, read_text(flags.from));
  GroundWriter writer(flags.files, names.size() > 1);
  for (const std::string& name : names) {
    GLMV_ASSIGN(const InputPicture picture, input.load(name));
    grounding::Annotations found =
        grounding::find_annotations(text, picture.image.width, picture.image.height, options);
    found.image = name;
    found.page = picture.page;
    found.query = flags.query;
    GLMV_RETURN_IF_ERROR(show(flags, writer, found, picture, found.largest > 1000));
  }
  GLMV_RETURN_IF_ERROR(writer.finish());
  return 0;
}

Result<int> run_one(const GroundFlags& flags, const grounding::FindOptions& options,
                    PictureInput& input, const std::string& name) {
  GLMV_ASSIGN(const api::ChatRequest request, chat_request(flags.chat));
  GLMV_ASSIGN(const InputPicture picture, input.load(name));
  GLMV_ASSIGN(const auto backend, load_backend(flags.model));
  const bool terminal = wants_colour(STDERR_FILENO) && !flags.quiet;
  ReplyPrinter printer({.thought = ShowThought::kHide, .progress = terminal, .stats = terminal});
  catch_interrupts();
  GLMV_ASSIGN(grounding::GroundAnswer answer,
              grounding::ask_where(*backend, request,
                                   {.query = flags.query,
                                    .whole = flags.whole,
                                    .source = picture.source,
                                    .width = picture.image.width,
                                    .height = picture.image.height,
                                    .find = options,
                                    .retries = flags.retries},
                                   [&](const api::ChatChunk& chunk) {
                                     if (!chunk.progress_phase.empty()) printer.on_chunk(chunk);
                                     return !interrupted();
                                   }));
  printer.finish(answer.reply);
  answer.annotations.image = name;
  answer.annotations.page = picture.page;
  GroundWriter writer(flags.files, false);
  GLMV_RETURN_IF_ERROR(show(flags, writer, answer.annotations, picture, answer.in_pixels));
  GLMV_RETURN_IF_ERROR(writer.finish());
  return answer.reply.finish_reason == "cancelled" ? kExitInterrupted : 0;
}

Result<GroundBatchCounts> run_jobs(const GroundFlags& flags, PictureInput& input,
                                   const GroundBatch& batch) {
  GLMV_ASSIGN(const api::ChatRequest request, chat_request(flags.chat));
  GLMV_ASSIGN(const auto backend, load_backend(flags.model));
  catch_interrupts();
  GroundWriter writer(flags.files, true);
  GLMV_ASSIGN(
      const GroundBatchCounts counts,
      run_ground_batch(*backend, request, batch, input,
                       [&](const grounding::Annotations& found, const InputPicture& picture) {
                         return writer.write(found, picture);
                       }));
  GLMV_RETURN_IF_ERROR(writer.finish());
  if (!flags.quiet) {
    fmt::print(stderr, "{}{}\n",
               tr_format("{} answered, {} failed, {} from before", counts.num_answered,
                         counts.num_failed, counts.num_skipped),
               counts.stopped ? tr("; stopped: the same command goes on") : "");
  }
  return counts;
}

Result<int> run_batch(const GroundFlags& flags, const grounding::FindOptions& options,
                      PictureInput& input, const std::vector<std::string>& names) {
  if (flags.files.json == "-") {
    return invalid_argument("--json -: of several pictures, lines are printed without it");
  }
  GroundBatch batch{.lines = flags.lines, .find = options, .retries = flags.retries};
  for (const std::string& name : names)
    batch.jobs.push_back({name, name, flags.query, flags.whole});
  GLMV_ASSIGN(const GroundBatchCounts counts, run_jobs(flags, input, batch));
  return counts.stopped ? kExitInterrupted : counts.num_failed > 0 ? 1 : 0;
}

Result<int> run_evaluation(const GroundFlags& flags, const grounding::FindOptions& options) {
  GLMV_ASSIGN(const auto truth, grounding::read_truth(flags.truth));
  std::string lines = flags.predictions;
  if (lines.empty()) {
    if (flags.lines.empty()) {
      return invalid_argument("--eval: name a file for the answers with --jsonl");
    }
    lines = flags.lines;
    const GroundBatch batch{.jobs = jobs_of(truth, flags.truth),
                            .lines = lines,
                            .find = options,
                            .retries = flags.retries};
    PictureInput input;
    GLMV_ASSIGN(const GroundBatchCounts counts, run_jobs(flags, input, batch));
    if (counts.stopped) return kExitInterrupted;
  }
  GLMV_ASSIGN(const grounding::EvalCounts counts, count_lines(truth, lines));
  if (flags.files.json == "-") {
    fmt::print("{}\n", grounding::to_json(counts).dump(2));
    return 0;
  }
  fmt::print("questions        {:>7}\nall boxes right  {:>7}\nboxes            {:>7}\n",
             counts.num_items, counts.num_right, counts.num_truth);
  fmt::print("found, IoU>=0.5  {:>7}  accuracy {:.1f} %\n", counts.num_found,
             100 * counts.accuracy());
  fmt::print("answered         {:>7}  precision {:.1f} %\nmean IoU         {:>7.3f}\n",
             counts.num_predicted, 100 * counts.precision(), counts.mean_iou());
  return 0;
}

Result<int> run_ground(const GroundFlags& flags) {
  GLMV_ASSIGN(const grounding::FindOptions options, find_options(flags));
  if (!flags.truth.empty()) return run_evaluation(flags, options);
  if (flags.pictures.empty() && flags.documents.documents.empty()) {
    return invalid_argument("{}", tr("no picture: glmv ground PICTURE -q \"the red cup\""));
  }
  if (flags.from.empty() && flags.query.empty()) {
    return invalid_argument(
        "{}", tr("nothing to look for: -q \"the red cup\", or an answer with --from"));
  }
  PictureInput input;
  GLMV_ASSIGN(const auto names, input.list(flags.pictures, flags.documents));
  if (!flags.from.empty()) return run_from_text(flags, options, input, names);
  if (names.size() == 1 && flags.lines.empty()) return run_one(flags, options, input, names[0]);
  return run_batch(flags, options, input, names);
}

}  // namespace

void add_ground(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<GroundFlags>();
  add_model_flags(command, flags->model);
  add_server_flags(command, flags->model);
  add_chat_flags(command, flags->chat);
  command.add_option("picture", flags->pictures, "pictures, folders of them, or URLs");
  add_page_flags(command, flags->documents);
  const std::string ask = "Question";
  command.add_option("-q,--query", flags->query, "what to look for: \"the red cup\"")->group(ask);
  command
      .add_option("--as", flags->form,
                  "form of the answer: box, point, poly, json, 3d; auto: boxes, and what else is "
                  "in it")
      ->check(CLI::IsMember({"auto", "box", "point", "poly", "json", "3d"}))
      ->capture_default_str()
      ->group(ask);
  command.add_flag("--whole", flags->whole, "the query is the whole question")->group(ask);
  command
      .add_option("--retries", flags->retries, "times to ask again when the answer is in pixels")
      ->check(CLI::Range(0, 10))
      ->capture_default_str()
      ->group(ask);
  command
      .add_option("--from", flags->from,
                  "no model: an answer, a file with one, or - for standard input")
      ->group(ask);
  const std::string many = "Many pictures";
  command
      .add_option("--jsonl", flags->lines,
                  "a line for each picture; what it holds already is not asked again")
      ->group(many);
  command
      .add_option("--eval", flags->truth,
                  "COCO file, or lines with image, query and boxes: how many are found (IoU>=0.5)")
      ->group(many);
  command
      .add_option("--predictions", flags->predictions, "with --eval: lines made before, no model")
      ->group(many);
  const std::string space = "Coordinates";
  command
      .add_option("--pixels", flags->pixels,
                  "edge: 1000 is the right or lower edge; upstream: 0-999, whole pixels")
      ->check(CLI::IsMember({"edge", "upstream"}))
      ->capture_default_str()
      ->group(space);
  command.add_option("--camera", flags->camera, "of 3D boxes: FX,FY,CX,CY in pixels")->group(space);
  command
      .add_option("--fov", flags->view,
                  "or the angle that the camera sees from left to right, in degrees (60)")
      ->check(CLI::Range(1.0, 179.0))
      ->group(space);
  command
      .add_option("--order", flags->order,
                  "of the sizes and angles of 3D boxes: code (zyx-pyr), text (xyz-rpy), or such a "
                  "pair")
      ->capture_default_str()
      ->group(space);
  add_ground_files(command, flags->files);
  command.add_flag("--quiet", flags->quiet, "no progress, no remarks");
  command.callback([flags, &exit_code] { exit_code = report(run_ground(*flags)); });
}

}  // namespace glmv::app
