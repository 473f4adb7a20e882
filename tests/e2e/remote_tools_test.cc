// glmv ground and glmv video with a server as the model, and with pictures from the Internet.

#include <filesystem>

#include "glmv/media/decode.h"
#include "glmv/media/video_reader.h"
#include "glmv/media/video_source.h"
#include "tests/e2e/scripted_model.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;
using testing::Not;

const std::string kSource = GLMV_SOURCE_DIR;
const std::string kShapes = kSource + "/examples/pictures/shapes.png";
const std::string kVideo = kSource + "/tests/golden/video/cfr25.mp4";

class RemoteTools : public Program {};

TEST_F(RemoteTools, FlagsOfServersReachThem) {
  ScriptedModel model([](int, const Json&) { return "[[100,200,300,400]]"; });
  const Words server = {"-m",   model.url(),        "--api-key", "sk-secret", "--served-model",
                        "mine", "--server-timeout", "30"};
  const Outcome found =
      run(join(join({"ground", kShapes, "-q", "the star", "--json", "-"}, server), {"--think"}));
  ASSERT_EQ(found.exit_code, 0) << found.err;
  EXPECT_EQ(found.json()["boxes"][0]["box"], (Json{100, 200, 300, 400}));
  const auto seen = model.requests().back();
  EXPECT_THAT(seen.head, HasSubstr("Authorization: Bearer sk-secret"));
  EXPECT_EQ(Json::parse(seen.body)["model"], "mine");
  EXPECT_THAT(seen.body, HasSubstr("enable_thinking\":true"));  // --think by itself
  EXPECT_THAT(model.question(), HasSubstr("the star"));
  const Outcome said = run(join({"video", kVideo, "-q", "What is it?"}, server));
  ASSERT_EQ(said.exit_code, 0) << said.err;
  EXPECT_EQ(said.out, "[[100,200,300,400]]\n");
  EXPECT_THAT(model.requests().back().head, HasSubstr("Authorization: Bearer sk-secret"));
  for (const char* command : {"ground", "video"}) {
    expect_error(run({command, command == std::string("video") ? kVideo : kShapes, "-q", "x", "-m",
                      "nano", "--api-key", "k"}),
                 2, "--api-key");
  }
}

TEST_F(RemoteTools, FramesAreThoseThatTheServerTakes) {
  const Words video = {"video", kVideo, "--json", "-", "-m"};
  const std::string model = tiny("glm46v");
  const Outcome here = run(join(video, {model}));
  ASSERT_EQ(here.exit_code, 0) << here.err;
  // The rule of the embedded model is another.
  EXPECT_NE(run(join(video, {"nano"})).json()["frame_times"], here.json()["frame_times"]);
  Serving server({model});
  const Outcome there = run(join(video, {"http://127.0.0.1:" + std::to_string(server.port())}));
  ASSERT_EQ(there.exit_code, 0) << there.err;
  for (const char* key : {"frame_times", "model_width", "model_height", "rule_known"}) {
    EXPECT_EQ(there.json()[key], here.json()[key]) << key;
  }
  EXPECT_EQ(there.json()["rule_known"], true);

  ScriptedModel silent([](int, const Json&) { return "ok"; });
  const Outcome guessed = run(join(video, {silent.url()}));
  ASSERT_EQ(guessed.exit_code, 0) << guessed.err;
  EXPECT_EQ(guessed.json()["rule_known"], false);
  EXPECT_THAT(run({"video", kVideo, "-m", silent.url()}).out,
              HasSubstr("does not say which frames"));
  ScriptedModel odd([](int, const Json&) { return "ok"; },
                    {{"video_processor", {{"video_processor_type", 7}, {"fps", "x"}}}});
  EXPECT_EQ(run(join(video, {odd.url()})).json()["rule_known"], false);
}

TEST_F(RemoteTools, LimitedPixelsAreInThePlan) {
  const Words video = {"video", kVideo, "--json", "-", "-m", tiny()};
  const Json all = run(video).json(), few = run(join(video, {"--max-pixels", "800"})).json();
  EXPECT_LT(few["model_width"].get<int>() * few["model_height"].get<int>(),
            all["model_width"].get<int>() * all["model_height"].get<int>());
}

TEST_F(RemoteTools, TracksOfAModel) {
  ScriptedModel model([](int number, const Json&) {
    return number == 0
               ? R"({"0":[{"label":"car","bbox_2d":[0,0,1900,1000]}]})"
               : R"({"0":[{"label":"car","bbox_2d":[100,100,500,500]}],"2":[{"label":"car","bbox_2d":[300,300,700,700]}]})";
  });
  const Outcome done = run({"video", kVideo, "-m", model.url(), "--track", "the red car", "-o",
                            path("out.mp4"), "--json", path("t.json"), "--codec", "mpeg4"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(model.num_questions(), 2);  // the first answer is in pixels
  EXPECT_THAT(model.question(), HasSubstr("the red car"));
  const Json tracks = Json::parse(read(path("t.json")));
  EXPECT_EQ(tracks["moments"].size(), 2u);
  EXPECT_EQ(tracks["moments"][1]["boxes"][0]["box"], (Json{300, 300, 700, 700}));
  EXPECT_THAT(done.out, HasSubstr("0:02"));
  const auto made =
      media::InlineVideoOpener().open(media::open_video_source(path("out.mp4"))->file);
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->info().num_frames, 100);

  ScriptedModel stubborn([](int, const Json&) { return R"({"0":[{"bbox_2d":[0,0,1900,1000]}]})"; });
  const Outcome pixels = run({"video", kVideo, "-m", stubborn.url(), "--track", "it"});
  EXPECT_EQ(stubborn.num_questions(), 2);
  EXPECT_THAT(pixels.err, HasSubstr("above 1000"));
  ScriptedModel talker([](int, const Json&) { return "There is no car."; });
  const Outcome none = run({"video", kVideo, "-m", talker.url(), "--track", "it", "--quiet"});
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_THAT(none.err, HasSubstr("There is no car."));
}

TEST_F(RemoteTools, TimelineOfAModel) {
  ScriptedModel model([](int, const Json&) {
    return "0:00 - 0:02 a grey square moves\n0:03 it stops\n9:59 the credits";
  });
  const Outcome done = run({"video", kVideo, "-m", model.url(), "--timeline", "-q", "movement",
                            "--vtt", path("a.vtt"), "--json", path("a.json"), "--highlights",
                            path("h"), "--exact", "--codec", "mpeg4"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(model.num_questions(), 1);
  EXPECT_THAT(model.question(), HasSubstr("movement"));
  EXPECT_THAT(done.out, HasSubstr("it stops"));
  const Json timeline = Json::parse(read(path("a.json")));
  EXPECT_EQ(timeline["events"].size(), 3u);
  EXPECT_EQ(timeline["events"][2]["beyond"], true);
  EXPECT_THAT(timeline["raw_text"].get<std::string>(), HasSubstr("credits"));
  EXPECT_THAT(read(path("a.vtt")), HasSubstr("00:00:00.000 --> 00:00:02.000"));
  EXPECT_TRUE(fs::exists(folder_ / "h/01-0m00s-a_grey_square_moves.mp4"));
  // Two seconds around a moment.
  EXPECT_TRUE(fs::exists(folder_ / "h/02-0m01s-it_stops.mp4"));
}

// The picture's server has a public address, as the program sees it.
class WebPictures : public Program {
 protected:
  void serve(const net::ScriptedServer::Peer& peer, const std::string& head) const {
    const auto redirect = [&](const std::string& to) {
      peer.send(http_answer("302 Found", "Location: " + to + "\r\n", ""));
    };
    const std::string here = std::to_string(server_.port());
    if (head.starts_with("GET /shapes.png ")) {
      peer.send(http_answer("200 OK", "", read(kShapes)));
    } else if (head.starts_with("GET /moved ")) {
      redirect("http://1.2.3.4:" + here + "/shapes.png");
    } else if (head.starts_with("GET /inside ")) {
      redirect("http://127.0.0.1:" + here + "/secret.png");
    } else if (head.starts_with("GET /text ")) {
      peer.send(http_answer("200 OK", "", "no picture"));
    } else {
      peer.send(http_answer("404 Not Found", "", ""));
    }
  }
  Outcome ground(const std::string& page) const {
    return run(
        {"ground", "http://1.2.3.4:" + std::to_string(server_.port()) + page, "--from",
         "cup: [[100,200,300,400]]", "--json", "-", "-o", path("out.png"), "--crop", path("crops")},
        {.preload = GLMV_CONNECT_HOME});
  }

  net::ScriptedServer server_{
      [this](const auto& peer, const auto& request) { serve(peer, request.head); }};
};

TEST_F(WebPictures, AreFetchedFromPublicAddressesOnly) {
  for (const char* page : {"/shapes.png", "/moved"}) {
    const Outcome done = ground(page);
    ASSERT_EQ(done.exit_code, 0) << page << done.err;
    EXPECT_EQ(done.json()["width"], media::decode_image(read(kShapes), "")->image.width);
    EXPECT_TRUE(fs::exists(path("out.png")));
    fs::remove(path("out.png"));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(path("crops")), {}), 2);
  const size_t before = server_.requests().size();
  expect_error(ground("/inside"), 7, "not public");
  const auto seen = server_.requests();
  ASSERT_EQ(seen.size(), before + 1);  // nobody asked for the secret
  EXPECT_THAT(seen.back().head, HasSubstr("GET /inside "));
  expect_error(ground("/none"), 7, "not fetched");
  expect_error(ground("/text"), 2, "no picture but text");
  EXPECT_FALSE(fs::exists(path("out.png")));
}

}  // namespace
}  // namespace glmv::e2e
