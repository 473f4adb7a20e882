// glmv_video_inputs FOLDER OUT_DIR VIDEO...: what a model gets for the prompt of one video each, by
// the processor of FOLDER. For video i writes OUT_DIR/i.f32 (pixel_values) and prints one line of
// JSON: the sampled frames, their times, the grid and the ids of the prompt. Used by
// tools/parity/video.py.

#include <cstdio>
#include <memory>
#include <string>

#include "glmv/base/files.h"
#include "glmv/base/json.h"
#include "glmv/media/video_source.h"
#include "glmv/processing/processor.h"
#include "glmv/processing/video_plan.h"

namespace {

using glmv::Json;

glmv::Result<Json> inputs_of(const glmv::processing::Processor& processor, const std::string& path,
                             const std::string& out) {
  const auto opener = std::make_shared<glmv::media::InlineVideoOpener>();
  GLMV_ASSIGN(const auto source, glmv::media::open_video_source(path));
  GLMV_ASSIGN(const auto reader, opener->open(source.file));
  GLMV_ASSIGN(const auto plan,
              glmv::processing::plan_video(reader->info(), {}, processor.config(), 0));

  glmv::text::ContentPart video{.kind = glmv::text::PartKind::kVideo}, question;
  video.source = path;
  question.text = "What?";
  glmv::text::Message message = glmv::text::Message::user("");
  message.content = {video, question};
  message.content_is_string = false;
  glmv::processing::PromptOptions options;
  options.videos = opener;
  GLMV_ASSIGN(const auto input, processor.process(std::vector{message}, options));
  const glmv::processing::Medium& medium = input.media.at(0);
  GLMV_RETURN_IF_ERROR(
      glmv::write_file_atomic(out, {reinterpret_cast<const char*>(medium.patches.data()),
                                    medium.patches.size() * sizeof(float)}));
  return Json{{"indices", plan.indices},
              {"times", plan.times_s},
              {"grid", {medium.grid.t, medium.grid.h, medium.grid.w}},
              {"ids", input.input_ids}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: glmv_video_inputs FOLDER OUT_DIR VIDEO...\n");
    return 2;
  }
  const auto processor = glmv::processing::Processor::load(argv[1]);
  if (!processor) {
    std::fprintf(stderr, "%s\n", processor.error().message.c_str());
    return 1;
  }
  for (int i = 3; i < argc; ++i) {
    const std::string out = std::string(argv[2]) + "/" + std::to_string(i - 3) + ".f32";
    const auto row = inputs_of(*processor, argv[i], out);
    const Json line = row ? *row : Json{{"error", row.error().message}};
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
  }
  return 0;
}
