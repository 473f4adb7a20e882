// Outputs of glmv ground and glmv video that find no room.

#include <algorithm>
#include <filesystem>

#include "tests/e2e/fixtures.h"
#include "tests/e2e/scripted_model.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;

const std::string kVideo = std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/cfr25.mp4";
const std::string kShapes = std::string(GLMV_SOURCE_DIR) + "/examples/pictures/shapes.png";

// A limit on the size of files stands for a disk that is full.
class FullDisk : public Program {
 protected:
  static RunOptions small(size_t num_bytes) { return {.max_file_bytes = num_bytes}; }
  // Nothing is left of what could not be written.
  void expect_nothing_left(const std::vector<std::string>& kept) const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (!entry.is_regular_file()) continue;
      const std::string name = entry.path().filename().string();
      EXPECT_TRUE(std::ranges::find(kept, name) != kept.end()) << entry.path();
    }
  }
};

TEST_F(FullDisk, EveryOutputOfGround) {
  const std::string answer = "star: [[100,200,900,900]] " + std::string(3000, 'x');
  for (const char* flag :
       {"-o", "--svg", "--json", "--coco", "--labelme", "--mask", "--spotlight", "--crop"}) {
    const Outcome outcome =
        run({"ground", kShapes, "--from", answer, flag, path("out")}, small(1500));
    EXPECT_EQ(outcome.exit_code, 5) << flag << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(path("out"))) << flag;
    EXPECT_THAT(outcome.err, HasSubstr("free space")) << flag;
    expect_nothing_left({});
    fs::remove_all(folder_ / "out");
  }
}

TEST_F(FullDisk, LinesOfABatchGoOn) {
  fs::create_directories(folder_ / "in");
  for (const char* name : {"a.png", "b.png", "c.png"})
    fs::copy_file(kShapes, folder_ / "in" / name);
  ScriptedModel model([](int, const Json&) { return "[[1,2,300,400]] " + std::string(900, 'x'); });
  const Words words = {"ground", path("in"),  "-q",      "it",
                       "-m",     model.url(), "--jsonl", path("a.jsonl")};
  const Outcome full = run(words, small(2000));
  EXPECT_EQ(full.exit_code, 5) << full.err;
  EXPECT_THAT(full.err, HasSubstr("again to go on"));
  const Outcome rest = run(words);
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr("2 answered, 0 failed, 1 from before"));
  const std::string lines = read(path("a.jsonl"));
  EXPECT_EQ(std::ranges::count(lines, '\n'), 3);
}

TEST_F(FullDisk, EveryOutputOfVideo) {
  const std::string track = R"({"0":[{"label":"a","bbox_2d":[1,2,300,400]}]})";
  std::string timeline;
  for (int i = 0; i < 60; ++i)
    timeline += "0:0" + std::to_string(i % 3) + " " + std::string(40, 'x') + "\n";
  const Words video = {"video", kVideo, "-m", "nano"};
  const Words cases[] = {
      {"--sheet", path("out.png")},
      {"--track", "it", "--from", track, "-o", path("out.mp4"), "--codec", "mpeg4"},
      {"--track", "it", "--from", track, "-o", path("out.webm")},
      {"--timeline", "--from", timeline, "--json", path("out.json")},
      {"--timeline", "--from", timeline, "--vtt", path("out.vtt")},
      {"--timeline", "--from", timeline, "--srt", path("out.srt")},
      {"--timeline", "--from", "0:00 - 0:03 it", "--highlights", path("out")},
      {"--timeline", "--from", "0:00 - 0:03 it", "--highlights", path("out"), "--exact", "--codec",
       "mpeg4"},
  };
  for (const Words& words : cases) {
    const Outcome outcome = run(join(video, words), small(1200));
    EXPECT_EQ(outcome.exit_code, 5) << words[0] << " " << words.back() << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(path("out"))) << words[0];
    expect_nothing_left({});
    fs::remove_all(folder_ / "out");
  }
}

TEST_F(FullDisk, StandardOutputIsNotLostInSilence) {
  for (const Words& words : {Words{"ground", kShapes, "--from", "[[1,2,300,400]]", "--json", "-"},
                             Words{"video", kVideo, "-m", "nano"}, Words{"list"}, Words{"man"}}) {
    const Outcome outcome = run(words, {.output = "/dev/full"});
    EXPECT_EQ(outcome.exit_code, 5) << words[0] << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("standard output cannot be written")) << words[0];
  }
}

}  // namespace
}  // namespace glmv::e2e
