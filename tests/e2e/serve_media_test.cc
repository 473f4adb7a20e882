// Pictures sent to glmv serve: odd, broken, hostile. Each is answered or refused with 422, and the
// server goes on, also when the process that decodes is killed.

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "glmv/media/base64.h"
#include "glmv/media/png_writer.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kNano = std::string(GLMV_SOURCE_DIR) + "/models/nano";

std::string png(int width, int height) {
  media::Image image;
  image.width = width;
  image.height = height;
  image.data.resize(size_t{3} * width * height, 77);
  return *media::encode_png(image);
}

std::string data_url(const std::string& bytes) {
  return "data:image/png;base64," + media::encode_base64(bytes);
}
Json image_part(const std::string& url) {
  return {{"type", "image_url"}, {"image_url", {{"url", url}}}};
}
Json about(const std::string& url) {
  return {{"messages",
           {{{"role", "user"},
             {"content", {image_part(url), {{"type", "text"}, {"text", "What is it?"}}}}}}},
          {"temperature", 0},
          {"max_tokens", 4}};
}
std::string code(const net::HttpAnswer& answer) {
  return answer.status == 200 ? "" : Json::parse(answer.body)["error"]["code"].get<std::string>();
}

// Children of a process.
std::vector<pid_t> children(pid_t parent) {
  std::vector<pid_t> out;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const size_t end = text.rfind(')');
    if (end == std::string::npos) continue;
    if (std::atoi(text.c_str() + end + 4) == parent) out.push_back(std::atoi(text.c_str()));
  }
  return out;
}

TEST_F(Program, ServeAnswersOrRefusesEveryPicture) {
  Serving server({"-m", kNano});
  int num_answered = 0, num_refused = 0;
  const auto check = [&](const std::string& what, const std::string& bytes) {
    const auto answer = server.ask(about(data_url(bytes)));
    const std::string said = code(answer);
    EXPECT_TRUE(answer.status == 200 || (answer.status == 422 && (said == "media_decode_failed" ||
                                                                  said == "media_too_large")))
        << what << ": " << answer.status << " " << answer.body;
    (answer.status == 200 ? num_answered : num_refused) += 1;
    return answer.status;
  };
  // Every format and kind of pixel, whole and cut off.
  for (const auto& entry :
       fs::directory_iterator(fs::path(GLMV_SOURCE_DIR) / "tests/golden/media")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".jsonl") || name.ends_with(".reference.png")) continue;
    const std::string bytes = read(entry.path());
    const bool web = !name.ends_with(".tif") && !name.ends_with(".avif");
    EXPECT_EQ(check(name, bytes), web ? 200 : 422) << name;
    EXPECT_EQ(check(name + " cut", bytes.substr(0, bytes.size() / 3)), 422) << name;
  }
  EXPECT_EQ(check("1 x 1", png(1, 1)), 200);
  EXPECT_EQ(check("200 x 1", png(200, 1)), 200);
  EXPECT_EQ(check("1 x 65535", png(1, 65535)), 422);
  EXPECT_EQ(check("65535 x 1", png(65535, 1)), 422);
  EXPECT_EQ(check("201 x 1", png(201, 1)), 422);
  EXPECT_EQ(check("0 x 0", bmp(0, 0)), 422);
  EXPECT_EQ(check("bomb", bmp(20000, 20000, 1)), 422);
  EXPECT_EQ(check("nothing", ""), 422);
  EXPECT_GT(num_answered, 40);
  EXPECT_GT(num_refused, 50);
  EXPECT_EQ(children(server.process().pid()).size(), 1u);
  // Its errors tell nothing of what is inside.
  const auto bad = server.ask(about(data_url("no picture")));
  for (const char* word : {"vips", "png", "libjpeg", "/proc", "0x", "decode-media"}) {
    EXPECT_EQ(bad.body.find(word), std::string::npos) << bad.body;
  }
}

// The number that metrics give under this name.
double metric(uint16_t port, const std::string& name) {
  const std::string text = net::TestConnection(port).ask("GET", "/metrics").body;
  const size_t at = text.find("\nglmv:" + name + "{");
  if (at == text.npos) return -1;
  return std::stod(text.substr(text.find("} ", at) + 2));
}

TEST_F(Program, ServeTakesSixtyFourPicturesAndReadsEachOnce) {
  Serving server({"-m", kNano});
  Json content = Json::array();
  for (int i = 0; i < 64; ++i) content.push_back(image_part(data_url(png(28 + i, 28))));
  content.push_back({{"type", "text"}, {"text", "How many?"}});
  Json question = about("");
  question["messages"][0]["content"] = content;
  // The self-test has asked about pictures too.
  const double queries = metric(server.port(), "mm_cache_queries_total");
  const double hits = metric(server.port(), "mm_cache_hits_total");
  EXPECT_GE(hits, 0);
  std::string first;
  for (int turn = 0; turn < 2; ++turn) {
    const auto answer = server.ask(question);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json said = Json::parse(answer.body)["choices"][0]["message"]["content"];
    if (turn == 0) first = said;
    EXPECT_EQ(said, first);
    EXPECT_EQ(metric(server.port(), "mm_cache_queries_total"), queries + 64 * (turn + 1));
    EXPECT_EQ(metric(server.port(), "mm_cache_hits_total"), hits + 64 * turn);
    EXPECT_GT(metric(server.port(), "encoder_seconds_total"), 0);
  }
  content.push_back(content[0]);
  question["messages"][0]["content"] = content;
  EXPECT_EQ(server.ask(question).status, 400);
}

TEST_F(Program, ServeDecodesInAChildWithTheSameResult) {
  const std::string picture = golden_picture("progressive.jpg");
  const Outcome asked = run(
      {"ask", "-m", kNano, "--json", "--temp", "0", "-n", "4", "-i", picture, "--", "What is it?"});
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  Json body = about(data_url(read(picture)));
  body["logprobs"] = true;
  std::string logprobs;
  for (const char* decoder : {"child", "inline"}) {
    Serving server({"-m", kNano, "--media-decoder", decoder});
    EXPECT_EQ(children(server.process().pid()).size(),
              std::string_view(decoder) == "child" ? 1u : 0u);
    const auto answer = server.ask(body);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json reply = Json::parse(answer.body);
    EXPECT_EQ(reply["choices"][0]["message"]["content"], asked.json()["answer"]);
    const std::string now = reply["choices"][0]["logprobs"].dump();
    EXPECT_TRUE(logprobs.empty() || now == logprobs);
    logprobs = now;
  }
}

TEST_F(Program, ServeOutlivesItsDecoder) {
  Serving server({"-m", kNano});
  const std::string good = data_url(read(golden_picture("rgb_420.jpg")));
  ASSERT_EQ(server.ask(about(good)).status, 200);
  const auto first = children(server.process().pid());
  ASSERT_EQ(first.size(), 1u);
  EXPECT_GT(::getpriority(PRIO_PROCESS, first[0]), ::getpriority(PRIO_PROCESS, 0));
  ::kill(first[0], SIGKILL);
  // Another picture: the first is known and needs no decoder.
  EXPECT_EQ(server.ask(about(data_url(png(60, 40)))).status, 200);
  const auto second = children(server.process().pid());
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(second[0], first[0]);

  // Killed again and again while pictures come.
  std::atomic<bool> done = false;
  std::thread killer([&] {
    while (!done) {
      for (const pid_t child : children(server.process().pid())) ::kill(child, SIGKILL);
      std::this_thread::sleep_for(40ms);
    }
  });
  const std::string large = data_url(png(3000, 2000));
  for (int i = 0; i < 8; ++i) {
    Json body = about(large);
    body["messages"][0]["content"][0]["image_url"]["detail"] = "low";
    const auto answer = server.ask(body);
    EXPECT_TRUE(answer.status == 200 || code(answer) == "media_decode_failed") << answer.body;
  }
  done = true;
  killer.join();

  // A bad picture, then a good one.
  EXPECT_EQ(code(server.ask(about(data_url("bad")))), "media_decode_failed");
  EXPECT_EQ(server.ask(about(good)).status, 200);
  server.process().send(SIGTERM);
  const Outcome end = server.process().wait();
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_TRUE(children(::getpid()).empty());
}

TEST_F(Program, ServeEndsItsDecoderWithIt) {
  std::vector<pid_t> orphans;
  {
    Serving server({"-m", kNano});
    orphans = children(server.process().pid());
    ASSERT_EQ(orphans.size(), 1u);
    server.process().send(SIGKILL);
  }
  for (int i = 0; i < 200 && ::kill(orphans[0], 0) == 0; ++i) std::this_thread::sleep_for(20ms);
  // Gone, or waiting for whoever inherited it to look.
  std::ifstream status("/proc/" + std::to_string(orphans[0]) + "/stat");
  std::string text;
  std::getline(status, text);
  EXPECT_TRUE(text.empty() || text.find(") Z ") != std::string::npos) << text;
}

TEST_F(Program, ServeTakesMediaFromWhereItMay) {
  const std::string folder = path("media");
  fs::create_directories(folder);
  fs::copy_file(golden_picture("rgb.png"), folder + "/a b.png");
  fs::create_symlink("/etc/passwd", folder + "/link.png");
  ASSERT_EQ(::mkfifo((folder + "/pipe.png").c_str(), 0600), 0);
  Serving server({"-m", kNano, "--allowed-local-media-path", folder, "--limit-mm-per-prompt",
                  "image=2,video=1", "--allow-media-domains", "*", "--max-image-pixels",
                  "2000000"});
  EXPECT_EQ(server.ask(about("file://" + folder + "/a%20b.png")).status, 200);
  EXPECT_EQ(code(server.ask(about("file://" + folder + "/link.png"))), "media_fetch_failed");
  EXPECT_EQ(code(server.ask(about("file://" + folder + "/pipe.png"))), "media_fetch_failed");
  EXPECT_EQ(code(server.ask(about("file:///etc/passwd"))), "media_not_allowed");
  // Its own address, by several names: never reached.
  const std::string port = std::to_string(server.port());
  for (const std::string& url :
       {std::string("http://127.0.0.1/"), std::string("http://localhost/"),
        std::string("http://[::1]/"), std::string("http://169.254.169.254/latest/meta-data/")}) {
    EXPECT_EQ(code(server.ask(about(url))), "media_fetch_failed") << url;
  }
  for (const std::string& url :
       {"http://127.0.0.1:" + port + "/", std::string("http://127.0.0.1\\@1.1.1.1/"),
        std::string("http://2130706433/"), std::string("http://0x7f.1/")}) {
    EXPECT_EQ(code(server.ask(about(url))), "media_not_allowed") << url;
  }
  EXPECT_EQ(code(server.ask(about(data_url(png(2000, 1001))))), "media_too_large");
  Json three = about(data_url(png(4, 4)));
  Json& content = three["messages"][0]["content"];
  content = Json::array({content[0], content[0], content[0]});
  EXPECT_EQ(server.ask(three).status, 400);

  // Frames, both ways; fewer tokens on request.
  const std::string frame = read(golden_picture("rgb_420.jpg"));
  const std::string joined = media::encode_base64(frame) + "," + media::encode_base64(frame);
  const auto tokens = [&](const Json& part) {
    net::TestConnection client(server.port());
    const Json body = {{"messages", {{{"role", "user"}, {"content", {part}}}}}};
    const auto answer = client.ask("POST", "/v1/chat/completions/input_tokens", body.dump());
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.status == 200 ? Json::parse(answer.body)["image_tokens"].get<int>() : -1;
  };
  const int both = tokens({{"type", "video"}, {"frames", {data_url(frame), data_url(frame)}}});
  EXPECT_GT(both, 0);
  EXPECT_EQ(tokens({{"type", "video_url"},
                    {"video_url", {{"url", "data:video/jpeg;fps=2;base64," + joined}}}}),
            both);
  Json large = image_part(data_url(png(1400, 1400)));
  const int full = tokens(large);
  large["image_url"]["max_pixels"] = 28 * 28 * 20;
  EXPECT_LT(tokens(large), std::min(full, 21));

  Json odd = about("x");
  odd["messages"][0]["content"][0] = {
      {"type", "file"}, {"file", {{"file_data", "data:application/pdf;base64,AAD/AA=="}}}};
  EXPECT_EQ(server.ask(odd).status, 422);
}

TEST_F(Program, ServeNamesBadMediaFlags) {
  expect_error(run({"serve", "-m", kNano, "--allowed-local-media-path", "/"}), 2,
               "every file of this machine");
  expect_error(run({"serve", "-m", kNano, "--allowed-local-media-path", path("none")}), 3,
               "--allowed-local-media-path");
  expect_error(run({"serve", "-m", kNano, "--allow-media-domains", "http://x/y"}), 2, "is no host");
  expect_error(run({"serve", "-m", kNano, "--limit-mm-per-prompt", "audio=1"}), 2,
               "image=N, video=N or document=N");
}

}  // namespace
}  // namespace glmv::e2e
