// glmv ground and glmv video: from texts, and with the embedded model.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "glmv/media/decode.h"
#include "glmv/media/video_reader.h"
#include "glmv/media/video_source.h"
#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;

const std::string kSource = GLMV_SOURCE_DIR;
const std::string kNano = kSource + "/models/nano";
const std::string kShapes = kSource + "/examples/pictures/shapes.png";

std::string video(const std::string& name) { return kSource + "/tests/golden/video/" + name; }

media::Image decoded(const std::string& path) {
  auto image = media::decode_image(read(path), path);
  EXPECT_TRUE(image) << path;
  return image ? std::move(image->image) : media::Image{};
}

class GroundTool : public Program {};
class VideoTool : public Program {};

TEST_F(GroundTool, EveryOutputFromAText) {
  const media::Image shapes = decoded(kShapes);
  const Outcome done = run({"ground",      kShapes,
                            "--from",      "star: [[100,200,300,400]], [500,500]",
                            "-o",          path("a.png"),
                            "--svg",       path("a.svg"),
                            "--json",      path("a.json"),
                            "--coco",      path("coco.json"),
                            "--labelme",   path("labelme.json"),
                            "--mask",      path("mask.png"),
                            "--spotlight", path("spot.png"),
                            "--crop",      path("crops"),
                            "--pad",       "0"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("star"));
  EXPECT_THAT(done.out, HasSubstr("[100,200,300,400]"));
  for (const char* name : {"a.png", "mask.png", "spot.png"}) {
    const media::Image image = decoded(path(name));
    EXPECT_EQ(image.width, shapes.width) << name;
    EXPECT_EQ(image.height, shapes.height) << name;
  }
  const Json json = Json::parse(read(path("a.json")));
  EXPECT_EQ(json["boxes"][0]["label"], "star");
  EXPECT_EQ(json["points"].size(), 1u);
  const Json coco = Json::parse(read(path("coco.json")));
  EXPECT_TRUE(fs::exists(folder_ / coco["images"][0]["file_name"].get<std::string>()));
  EXPECT_EQ(coco["annotations"].size(), 2u);
  EXPECT_EQ(Json::parse(read(path("labelme.json")))["shapes"][0]["shape_type"], "rectangle");
  EXPECT_THAT(read(path("a.svg")), HasSubstr("data-label=\"star\""));
  const media::Image crop = decoded(path("crops/shapes-01-star.png"));
  EXPECT_EQ(crop.width, static_cast<int>(std::ceil(shapes.width * 0.3)) -
                            static_cast<int>(std::floor(shapes.width * 0.1)));
}

TEST_F(GroundTool, TextFromInputAndFileAndSeveralPictures) {
  fs::copy_file(kShapes, folder_ / "a.png");
  fs::copy_file(kShapes, folder_ / "b.png");
  const Outcome piped = run({"ground", kShapes, "--from", "-", "--json", "-"},
                            with_input("<|begin_of_box|>[[1,2,3,4]]<|end_of_box|>"));
  EXPECT_EQ(piped.json()["boxes"][0]["box"], (Json{1, 2, 3, 4})) << piped.err;
  const std::string answer =
      file("answer.txt", R"([{"bbox_3d":[0,0,9,1,1,1,0,0,0],"label":"car"}])");
  const Outcome both = run({"ground", folder_.string(), "--from", answer, "-o", path("out"),
                            "--fov", "90", "--order", "text"});
  ASSERT_EQ(both.exit_code, 0) << both.err;
  EXPECT_TRUE(fs::exists(folder_ / "out/a.png") && fs::exists(folder_ / "out/b.png"));
}

TEST_F(GroundTool, BadInput) {
  const auto fails = [&](const Words& words, int code, const std::string& text) {
    expect_error(run(join({"ground"}, words)), code, text);
  };
  fails({}, 2, "no picture");
  fails({kShapes}, 2, "nothing to look for");
  fails({path("none.png"), "--from", "[1,2,3,4]"}, 3, "none.png");
  fails({folder_.string(), "--from", "[1,2,3,4]"}, 2, "without pictures");
  fails({kShapes, "--from", "x", "--camera", "1,2"}, 2, "FX,FY,CX,CY");
  fails({kShapes, "--from", "x", "--order", "abc"}, 2, "--order");
  fails({kShapes, "--from", "x", "--as", "mask"}, 2, "--as");
  // What servers inside a network would show to whoever asks from within.
  for (const char* url :
       {"http://127.0.0.1/a.png", "http://localhost/a.png", "http://[::1]/a.png",
        "http://169.254.169.254/latest", "http://10.0.0.1:8080/a.png", "http://0x7f000001/a.png",
        "http://example.com./a.png", "http://example.com\\@127.0.0.1/", "http://exa mple.com/"}) {
    const Outcome outcome = run({"ground", url, "--from", "[1,2,3,4]"});
    EXPECT_TRUE(outcome.exit_code == 2 || outcome.exit_code == 7) << url << outcome.err;
    EXPECT_THAT(outcome.err, testing::StartsWith("error: picture ")) << url;
  }
  const Outcome pixels = run({"ground", kShapes, "--from", "[10,20,1900,1000]"});
  EXPECT_EQ(pixels.exit_code, 0);
  EXPECT_THAT(pixels.err, HasSubstr("above 1000"));
}

TEST_F(GroundTool, NanoFindsShapesAndResumes) {
  const Outcome one = run({"ground", kShapes, "-m", kNano, "-q", "the red circle", "--temp", "0",
                           "--json", "-", "-o", path("out.png")});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_FALSE(one.json()["raw_text"].get<std::string>().empty());
  EXPECT_EQ(decoded(path("out.png")).width, decoded(kShapes).width);

  fs::create_directories(folder_ / "in");
  fs::copy_file(kShapes, folder_ / "in/a.png");
  file("in/broken.png", "no picture");
  const Words batch = {"ground",         path("in"), "-m", kNano,     "-q",
                       "the red circle", "--temp",   "0",  "--jsonl", path("lines.jsonl")};
  const Outcome first = run(batch);
  EXPECT_EQ(first.exit_code, 1) << first.err;
  EXPECT_THAT(first.err, HasSubstr("1 answered, 1 failed, 0 from before"));
  const std::string lines = read(path("lines.jsonl"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_THAT(lines, HasSubstr("\"error\":"));
  EXPECT_THAT(run(batch).err, HasSubstr("0 answered, 0 failed, 2 from before"));
  EXPECT_EQ(read(path("lines.jsonl")), lines);

  // A line that was torn is asked again.
  write(folder_ / "lines.jsonl", lines.substr(0, lines.size() - 9));
  EXPECT_EQ(run(batch).exit_code, lines.rfind("error") > lines.find('\n') ? 1 : 0);
  EXPECT_EQ(read(path("lines.jsonl")), lines);
}

TEST_F(GroundTool, EvaluationOfLinesMadeBefore) {
  const std::string truth =
      file("gt.jsonl",
           "{\"image\": \"a.png\", \"query\": \"cup\", \"boxes\": "
           "[[100,100,200,200],[500,500,600,600]]}\n"
           "{\"image\": \"b.png\", \"query\": \"cup\", \"boxes\": [[0,0,1000,1000]]}\n");
  const std::string lines =
      file("lines.jsonl",
           "{\"image\": \"a.png\", \"query\": \"cup\", \"boxes\": [{\"box\": [100,100,200,190]}]}\n"
           "{\"image\": \"b.png\", \"query\": \"cup\", \"error\": \"broken\"}\n");
  const Outcome done = run({"ground", "--eval", truth, "--predictions", lines, "--json", "-"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.json()["boxes"], 3);
  EXPECT_EQ(done.json()["boxes_found"], 1);
  EXPECT_EQ(done.json()["items_right"], 0);
  EXPECT_THAT(run({"ground", "--eval", truth, "--predictions", lines}).out,
              HasSubstr("accuracy 33.3 %"));
  expect_error(run({"ground", "--eval", file("bad.json", "{}"), "--predictions", lines}), 2,
               "bad.json");
  expect_error(run({"ground", "--eval", truth}), 2, "--jsonl");
}

TEST_F(VideoTool, FramesAndSheet) {
  const Outcome done = run({"video", video("cfr25.mp4"), "-m", kNano, "--json", "-", "--sheet",
                            path("sheet.png"), "--frames", "6"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const Json json = done.json();
  EXPECT_EQ(json["frame_times"].size(), 6u);
  EXPECT_EQ(json["fps"], 25.0);
  EXPECT_GT(decoded(path("sheet.png")).width, 100);
  const Outcome text =
      run({"video", video("cfr25.mp4"), "-m", kNano, "--fps", "1", "--clip", "0-1"});
  EXPECT_THAT(text.out, HasSubstr("frames of"));
}

TEST_F(VideoTool, TracksFromATextIntoAVideo) {
  const std::string answer =
      R"({"0":[{"label":"car-1","bbox_2d":[100,100,500,500]}],"1":[{"label":"car-1","bbox_2d":[300,300,700,700]}]})";
  for (const char* name : {"out.mp4", "out.webm"}) {
    const Outcome done =
        run({"video", video("cfr25.mp4"), "-m", kNano, "--track", "the car", "--from", answer, "-o",
             path(name), "--interpolate", "--json", path("t.json")});
    ASSERT_EQ(done.exit_code, 0) << done.err;
    const auto reader = media::InlineVideoOpener().open(media::open_video_source(path(name))->file);
    const auto whole =
        media::InlineVideoOpener().open(media::open_video_source(video("cfr25.mp4"))->file);
    ASSERT_TRUE(reader && whole);
    EXPECT_EQ((*reader)->info().num_frames, (*whole)->info().num_frames);
  }
  EXPECT_EQ(Json::parse(read(path("t.json")))["moments"].size(), 2u);
}

TEST_F(VideoTool, TimelineFilesAndHighlights) {
  const std::string answer = "0:00 - 0:01 it begins\n9:00 - 9:10 much later";
  const Words words = {"video", video("minute.mp4"), "-m", kNano, "--timeline", "--from", answer};
  const Outcome done = run(join(words, {"--vtt", path("a.vtt"), "--srt", path("a.srt"), "--json",
                                        path("a.json"), "--highlights", path("h")}));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("behind the end of the video"));
  EXPECT_THAT(read(path("a.vtt")), HasSubstr("00:00:00.000 --> 00:00:01.000\nit begins"));
  EXPECT_THAT(read(path("a.vtt")), HasSubstr("NOTE behind the end"));
  EXPECT_THAT(read(path("a.srt")), HasSubstr("00:00:00,000 --> 00:00:01,000"));
  EXPECT_EQ(Json::parse(read(path("a.json")))["events"][1]["beyond"], true);
  ASSERT_TRUE(fs::exists(folder_ / "h/01-0m00s-it_begins.mp4"));
  const auto part = media::InlineVideoOpener().open(
      media::open_video_source(path("h/01-0m00s-it_begins.mp4"))->file);
  EXPECT_TRUE(part);
  const Outcome exact =
      run(join(words, {"--highlights", path("x"), "--exact", "--codec", "mpeg4"}));
  EXPECT_EQ(exact.exit_code, 0) << exact.err;
  EXPECT_TRUE(fs::exists(folder_ / "x/01-0m00s-it_begins.mp4"));
}

TEST_F(VideoTool, NanoIsAskedInPasses) {
  const Outcome done = run({"video",
                            video("minute.mp4"),
                            "-m",
                            kNano,
                            "-q",
                            "What is there?",
                            "--passes",
                            "on",
                            "--segment",
                            "30",
                            "--segment-frames",
                            "2",
                            "--frames",
                            "4",
                            "-n",
                            "8",
                            "--temp",
                            "0",
                            "--json",
                            "-"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const Json passes = done.json()["passes"];
  ASSERT_EQ(passes.size(), 4u);
  EXPECT_EQ(passes[0]["name"], "segment 1");
  EXPECT_EQ(passes[0]["frame_times"].size(), 2u);
  EXPECT_EQ(passes[2]["name"], "choice");
  EXPECT_EQ(passes[3]["name"], "question");
  EXPECT_THAT(done.err, HasSubstr("segment 2 ["));
}

TEST_F(VideoTool, BadInput) {
  const auto fails = [&](const Words& words, int code, const std::string& text) {
    expect_error(run(join({"video", "-m", kNano}, words)), code, text);
  };
  fails({}, 2, "no video");
  fails({path("none.mp4")}, 3, "none.mp4");
  fails({file("text.mp4", "no video at all")}, 4, "text.mp4");
  fails({video("cfr25.mp4"), "--clip", "9:00-"}, 2, "begins at 540 s");
  fails({video("cfr25.mp4"), "--track", "x", "--timeline"}, 2, "two questions");
  fails({video("cfr25.mp4"), "-o", path("a.mp4")}, 2, "--track");
  fails({video("cfr25.mp4"), "--from", "x"}, 2, "--timeline");
  fails({video("cfr25.mp4"), "--track", "x", "--from", "no boxes"}, 4, "no tracks");
  fails({video("cfr25.mp4"), "--timeline", "--from", "no times"}, 4, "no times");
  fails({video("cfr25.mp4"), "--track", "x", "--codec", "gif", "--from", "{}"}, 2, "codec");
}

}  // namespace
}  // namespace glmv::e2e
