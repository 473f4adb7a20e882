// glmv chat, ask and video at a terminal, as a person runs them.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "glmv/media/video_writer.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/serving.h"
#include "tests/e2e/terminal.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using net::ScriptedServer;
using testing::Not;
using Clock = std::chrono::steady_clock;

const std::string kNano = std::string(GLMV_SOURCE_DIR) + "/models/nano";

std::string golden(const std::string& name) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/" + name;
}

// Says what it was asked: "N turns, image text: WORDS"; some words have answers of their own.
void answer(const ScriptedServer::Peer& peer, const ScriptedServer::Request& request) {
  if (request.head.starts_with("GET")) return answer_models(peer);
  const Json body = Json::parse(request.body, nullptr, false);
  const Json& messages = body["messages"];
  const Json& content = messages.back()["content"];
  std::string kinds, asked;
  if (content.is_string()) {
    asked = content.get<std::string>();
  } else {
    for (const Json& part : content) {
      kinds += part["type"].get<std::string>() + " ";
      if (part["type"] == "text") asked += part["text"].get<std::string>();
    }
  }
  const AnswerStream stream(peer);
  if (asked == "think") {
    stream.piece({{"reasoning_content", "let me see"}});
    stream.piece({{"content", "Thought."}});
  } else if (asked == "long") {
    for (int i = 0; i < 500 && stream.piece({{"content", "w" + std::to_string(i) + " "}}); ++i) {
      if (peer.gone_within(20ms)) return;
    }
  } else if (asked == "where") {
    stream.piece({{"content", "[[100,100,500,500]]"}});
  } else {
    const auto turns = std::to_string(messages.size() / 2);
    stream.piece({{"content", turns + " turns, " + kinds + ": "}});
    stream.piece({{"content", asked}});
  }
  stream.end();
}

class AtTerminal : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    ::setenv("HOME", folder_.c_str(), 1);
    ::setenv("XDG_STATE_HOME", path("state").c_str(), 1);
    ::unsetenv("NO_COLOR");
    ::unsetenv("GLMV_MODEL");
    fs::copy_file(golden_picture("rgb_420.jpg"), path("a.jpg"));
    file("n.txt", "a note\n");
  }
  // With the scripted model.
  Words chat(const Words& more = {}) const { return join({"chat", "-m", server_.url()}, more); }
  // With one that sees media.
  static Words chat_nano(const Words& more = {}) {
    return join({"chat", "-m", kNano, "--temp", "0", "-n", "4"}, more);
  }
  std::string editor(const std::string& script) const {
    const std::string program = file("editor", "#!/bin/sh\n" + script);
    fs::permissions(program, fs::perms::owner_all);
    return program;
  }
  // A video that takes long to decode: noise, of which no part is like another.
  std::string slow_video() const {
    const std::string name = path("slow.mp4");
    auto writer = media::VideoWriter::open(
        name, {.width = 1280, .height = 720, .fps = 25, .codec = media::VideoCodec::kMpeg4});
    EXPECT_TRUE(writer) << writer.error().message;
    media::Image image{1280, 720, {}};
    image.data.resize(size_t{1280} * 720 * 3);
    uint32_t seed = 1;
    for (uint8_t& value : image.data)
      value = static_cast<uint8_t>((seed = seed * 1664525 + 1) >> 24);
    for (int i = 0; i < 250; ++i) {
      std::ranges::rotate(image.data, image.data.begin() + 3 * (1280 * 97 + 31));
      EXPECT_TRUE((*writer)->write(image));
    }
    EXPECT_TRUE((*writer)->finish());
    return name;
  }

  ScriptedServer server_{answer};
};

// Its children that decode videos.
int num_video_children(pid_t parent) {
  int count = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    std::ifstream status(entry.path() / "status"), command(entry.path() / "cmdline");
    const std::string text{std::istreambuf_iterator<char>(status), {}};
    const std::string words{std::istreambuf_iterator<char>(command), {}};
    count += text.find("PPid:\t" + std::to_string(parent) + "\n") != text.npos &&
             words.find("decode-video") != words.npos;
  }
  return count;
}

TEST_F(AtTerminal, CtrlCStopsAReply) {
  const auto p = on_terminal(chat());
  ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
  p->type("long\r");
  ASSERT_TRUE(p->sees("w3 "));
  p->type("\x03");
  ASSERT_TRUE(p->sees("(interrupted"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("next\r");
  ASSERT_TRUE(p->sees("1 turns, : next"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("\x03");
  ASSERT_TRUE(p->sees("(Ctrl-C again"));
  p->type("\x03");
  EXPECT_EQ(p->ends(), 130);
  EXPECT_TRUE(p->is_cooked());
}

TEST_F(AtTerminal, CtrlCStopsTheReadingOfADocument) {
  const auto p = on_terminal(chat_nano());
  ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
  p->type("/ppt " + golden("documents/slides.pptx") + "\r");
  ASSERT_TRUE(p->is_at_prompt("[+1] >>>")) << p->screen().text();
  p->type("what?\r");
  ASSERT_TRUE(p->sees("reading slides.pptx")) << p->screen().text();
  const auto start = Clock::now();
  p->type("\x03");
  ASSERT_TRUE(p->sees("(interrupted"));
  EXPECT_LT(Clock::now() - start, 1s);
  ASSERT_TRUE(p->is_at_prompt());
  // The tokens of media are counted by reading them.
  p->type("/tokens\r");
  ASSERT_TRUE(
      p->waits_for([&] { return p->screen().lines().back().starts_with("reading slides"); }));
  p->type("\x03");
  ASSERT_TRUE(p->sees("error: stopped"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("/undo\r");
  ASSERT_TRUE(p->sees("forgotten: what?"));
  p->type("/exit\r");
  EXPECT_EQ(p->ends(), 0);
}

TEST_F(AtTerminal, CtrlCStopsTheReadingOfAVideoAndItsChild) {
  const std::string video = slow_video();
  const Words every_frame = {"--fps", "25", "--frames", "250"};
  {
    const auto p = on_terminal(chat_nano(every_frame));
    ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
    p->type("/video " + video + "\r");
    ASSERT_TRUE(p->sees("attached video ~/slow.mp4: 10.0 s, 1280 x 720, 25 fps"));
    ASSERT_TRUE(p->is_at_prompt("[+1] >>>"));
    p->type("what?\r");
    ASSERT_TRUE(p->sees("of 250 frames")) << p->screen().text();
    EXPECT_EQ(num_video_children(p->pid()), 1);
    const auto start = Clock::now();
    p->type("\x03");
    ASSERT_TRUE(p->sees("(interrupted"));
    EXPECT_LT(Clock::now() - start, 1s);
    ASSERT_TRUE(p->is_at_prompt());
    EXPECT_EQ(num_video_children(p->pid()), 0);
  }
  for (const Words& words : {Words{"ask", "-m", kNano, "-v", video, "--", "what?"},
                             Words{"video", video, "-m", kNano, "-q", "what?"}}) {
    SCOPED_TRACE(words[0]);
    // "--" ends the flags.
    Words all = {words[0]};
    all.insert(all.end(), every_frame.begin(), every_frame.end());
    all.insert(all.end(), words.begin() + 1, words.end());
    const auto p = on_terminal(all);
    ASSERT_TRUE(p->sees("of 250 frames", 30'000)) << p->screen().text();
    // It would read on for much longer.
    p->type("\x03");
    EXPECT_EQ(p->ends(), 130);
  }
}

TEST_F(AtTerminal, RealMediaAreReadAndSeen) {
  const auto p = on_terminal(chat_nano({"--stats", "--doc-tokens", "90", "--frames", "2"}));
  ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
  const auto asks = [&](const std::string& command, const std::string& attached) {
    SCOPED_TRACE(command);
    p->type(command + "\r");
    ASSERT_TRUE(p->sees(attached)) << p->screen().text();
    ASSERT_TRUE(p->is_at_prompt("[+1] >>>"));
    p->screen() = terminal::VirtualScreen(160, 30);
    p->type("what is it?\r");
    ASSERT_TRUE(p->sees(" image)", 60'000)) << p->screen().text();
    ASSERT_TRUE(p->is_at_prompt());
    p->type("/clear\r");
    ASSERT_TRUE(p->sees("the conversation is empty"));
    ASSERT_TRUE(p->is_at_prompt());
  };
  asks("/image " + path("a.jpg"), "attached image ~/a.jpg");
  asks("/video " + golden("video/cfr25.mp4") + " 0-1", "25 fps, 0-1");
  asks("/pdf " + golden("documents/three_pages.pdf") + " 1-2", "PDF document, 3 pages, 1-2");
  asks("/ppt " + golden("documents/slides.pptx") + " 1", "attached slides");
  p->type("/quit\r");
  EXPECT_EQ(p->ends(), 0);
}

TEST_F(AtTerminal, CommandsOneAfterTheOther) {
  ::setenv("VISUAL", editor("printf 'better' > \"$1\"\n").c_str(), 1);
  file("wl-paste", "#!/bin/sh\ncat '" + path("a.jpg") + "'\n");
  fs::permissions(path("wl-paste"), fs::perms::owner_all);
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", (folder_.string() + ":" + before).c_str(), 1);
  ::setenv("WAYLAND_DISPLAY", "wayland-0", 1);
  const auto p = on_terminal(chat());
  ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
  const auto expect = [&](const std::string& line, const std::string& text) {
    p->type(line + "\r");
    EXPECT_TRUE(p->sees(text)) << line << "\n" << p->screen().text();
  };
  expect("/read " + path("n.txt"), "attached text ~/n.txt");
  expect("/paste", "attached the picture in the clipboard");
  expect("/media", "2  image  clipboard");
  expect("/drop 1", "dropped ~/n.txt");
  expect("seen?", "0 turns, image_url text : seen?");
  expect("/edit", "0 turns, image_url text : better");
  expect("/think off", "think off");
  expect("/think budget 30", "think-budget 30");
  expect("think", "Thought.");
  expect("/show think", "let me see");
  expect("/export ~/x.md", "exported to ~/x.md");
  EXPECT_THAT(read(path("x.md")), HasSubstr("*image: clipboard*"));
  expect("/bogus", "unknown command /bogus");
  ASSERT_TRUE(p->is_at_prompt());
  p->type("\033[200~/exit\033[201~\r");
  EXPECT_TRUE(p->sees("2 turns, : /exit"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("\x04");
  EXPECT_EQ(p->ends(), 0);
  ::setenv("PATH", before.c_str(), 1);
  ::unsetenv("WAYLAND_DISPLAY");
  ::unsetenv("VISUAL");
  const Json sent = Json::parse(server_.requests().back().body);
  EXPECT_EQ(sent["messages"].size(), 5u);
}

TEST_F(AtTerminal, TheLastConversationGoesOn) {
  {
    const auto p = on_terminal(chat());
    ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
    p->type("first\r");
    ASSERT_TRUE(p->sees("0 turns, : first"));
    p->type("\x04");
    EXPECT_EQ(p->ends(), 0);
  }
  const Outcome next = run(chat({"--continue", "-p", "second"}));
  EXPECT_EQ(next.out, "1 turns, : second\n") << next.err;
  EXPECT_THAT(read(path("state/glmv/history")), HasSubstr("first"));
}

TEST_F(AtTerminal, FlagsOfOneAnswer) {
  const Outcome full = run(chat({"--show-think", "full", "-p", "think"}));
  EXPECT_EQ(full.out, "let me see\n\nThought.\n") << full.err;
  EXPECT_EQ(run(chat({"-p", "think"})).out, "Thought.\n");
  const Outcome raw = run(chat({"--raw", "-p", "think"}));
  EXPECT_THAT(raw.out, HasSubstr("let me see")) << raw.err;
  const Outcome stats = run(chat({"--stats", "-p", "think"}));
  EXPECT_EQ(stats.out, "Thought.\n");
  EXPECT_THAT(stats.err, HasSubstr("stop eos]"));
  const std::string boxes = path("boxes.png");
  const Outcome where = run(chat({"-i", path("a.jpg"), "--save-boxes", boxes, "-p", "where"}));
  EXPECT_EQ(where.exit_code, 0) << where.err;
  EXPECT_TRUE(fs::exists(boxes));
  // Media of every kind, in the session's own file.
  const Words session = {"--session", path("s.json"), "--embed-media"};
  const Outcome embedded =
      run(join(chat({"-i", path("a.jpg"), "--read", path("n.txt"), "-d",
                     golden("documents/three_pages.pdf"), "--pages", "1", "-p", "-"}),
               session),
          with_input("x"));
  // The scripted server takes no documents; the picture and the text are kept all the same.
  if (embedded.exit_code != 0) {
    ASSERT_THAT(embedded.err, HasSubstr("document"));
    const Outcome without =
        run(join(chat({"-i", path("a.jpg"), "--read", path("n.txt"), "-p", "x"}), session));
    ASSERT_EQ(without.exit_code, 0) << without.err;
  }
  fs::remove(path("a.jpg"));
  fs::remove(path("n.txt"));
  const Outcome again = run(join(chat({"-p", "y"}), session));
  EXPECT_EQ(again.out, "1 turns, : y\n");
  EXPECT_EQ(again.err, "");
  const Json sent = Json::parse(server_.requests().back().body);
  EXPECT_EQ(sent["messages"][0]["content"][0]["type"], "image_url");
  EXPECT_THAT(sent["messages"][0].dump(), HasSubstr("a note"));
}

TEST_F(AtTerminal, AFullDiskCostsAWarning) {
  fs::create_directories(path("state/glmv"));
  // A limit on the size of files stands for a disk that is full.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &none);
  const auto p = on_terminal(chat());
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
  p->type("first\r");
  EXPECT_TRUE(p->sees("messages are not remembered"));
  EXPECT_TRUE(p->sees("0 turns, : first"));
  EXPECT_TRUE(p->sees("the session is not kept"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("second\r");
  EXPECT_TRUE(p->sees("1 turns, : second"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("/save " + path("s.json") + "\r");
  EXPECT_TRUE(p->sees("error: "));
  p->type("\x04");
  EXPECT_EQ(p->ends(), 0);
  EXPECT_FALSE(fs::exists(path("s.json")));
}

TEST_F(AtTerminal, AReadOnlyHomeCostsAWarning) {
  ::setenv("XDG_STATE_HOME", "/proc/none", 1);
  const auto p = on_terminal(chat());
  ASSERT_TRUE(p->is_at_prompt()) << p->screen().text();
  EXPECT_THAT(p->screen().text(), HasSubstr("warning: messages are not remembered"));
  p->type("first\r");
  EXPECT_TRUE(p->sees("0 turns, : first"));
  ASSERT_TRUE(p->is_at_prompt());
  p->type("\x04");
  EXPECT_EQ(p->ends(), 0);
}

TEST_F(AtTerminal, AServerAsTheModelOfEveryProgram) {
  Serving server({kNano, "--served-model-name", "nano"});
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  const Words question = {"-m", url, "--temp", "0", "-n", "8"};
  const Outcome here = run(
      {"chat", "-m", kNano, "--temp", "0", "-n", "8", "-i", path("a.jpg"), "-p", "What is it?"});
  ASSERT_EQ(here.exit_code, 0) << here.err;
  const Outcome chat = run(join({"chat", "-i", path("a.jpg"), "-p", "What is it?"}, question));
  ASSERT_EQ(chat.exit_code, 0) << chat.err;
  EXPECT_EQ(chat.out, here.out);
  const Outcome ground =
      run(join({"ground", path("a.jpg"), "-q", "the cup", "--json", "-"}, question));
  ASSERT_EQ(ground.exit_code, 0) << ground.err;
  EXPECT_TRUE(ground.json().contains("raw_text"));
  const Outcome video = run(join(
      {"video", golden("video/cfr25.mp4"), "--frames", "2", "-q", "What happens?", "--json", "-"},
      question));
  ASSERT_EQ(video.exit_code, 0) << video.err;
  EXPECT_TRUE(video.json().contains("answer"));
}

}  // namespace
}  // namespace glmv::e2e
