// What a user sees and types, on a pseudo terminal, with a backend that answers slowly and always
// the same.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <termios.h>

#include <filesystem>
#include <thread>

#include "glmv/api/scripted_backend.h"
#include "glmv/base/files.h"
#include "glmv/terminal/chat_loop.h"
#include "glmv/terminal/pictures_for_test.h"
#include "glmv/terminal/pty_for_test.h"
#include "glmv/terminal/temp_folder_for_test.h"

namespace glmv::terminal {
namespace {

using api::ChatChunk;
using api::ScriptedReply;
using testing::HasSubstr;
using testing::Not;

// Answers by what it is asked, a piece every so many milliseconds, with signs of life between.
class SlowBackend : public api::ChatBackend {
 public:
  explicit SlowBackend(int pause_ms) : pause_ms_(pause_ms) {}

  Result<api::ChatReply> chat(const api::ChatRequest& request,
                              const api::OnChunk& on_chunk) override {
    api::ChatReply reply{.finish_reason = "stop"};
    if (request.messages.back().text() == "prepare") {
      for (int i = 0; on_chunk({.progress_phase = "frames",
                                .progress_name = "clip.mp4",
                                .progress_done = i,
                                .progress_total = 24});
           ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
      }
      return stopped(reply);
    }
    for (const ChatChunk& piece : pieces_of(request)) {
      for (int waited = 0; waited < pause_ms_; waited += 10) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (!on_chunk({})) return stopped(reply);
      }
      reply.reasoning += piece.reasoning;
      reply.content += piece.content;
      ++reply.usage.completion_tokens;
      if (!on_chunk(piece)) return stopped(reply);
    }
    return reply;
  }

 private:
  static api::ChatReply stopped(api::ChatReply reply) {
    reply.finish_reason = "cancelled";
    return reply;
  }
  static std::vector<ChatChunk> pieces_of(const api::ChatRequest& request) {
    const std::string asked = request.messages.back().text();
    std::vector<ChatChunk> pieces;
    if (asked == "think") {
      for (const char* word : {"let ", "me ", "see"}) pieces.push_back({.reasoning = word});
      pieces.push_back({.content = "Thought."});
    } else if (asked == "long") {
      for (int i = 0; i < 500; ++i) pieces.push_back({.content = "w" + std::to_string(i) + " "});
    } else if (asked == "markdown") {
      for (const char* part :
           {"Some **bo", "ld** text\n", "\n- it", "em\n\n```\nco", "de\n```\n"}) {
        pieces.push_back({.content = part});
      }
    } else if (asked == "where") {
      pieces.push_back({.content = "[[100,100,500,500]]"});
    } else if (asked == "cjk") {
      for (int i = 0; i < 30; ++i) pieces.push_back({.content = "\u4f60\u597d"});
    } else {
      size_t media = 0;
      for (const auto& m : request.messages) {
        for (const auto& part : m.content) media += part.kind == text::PartKind::kImage ? 1 : 0;
      }
      const size_t turns = request.messages.size() / 2;
      pieces.push_back({.content = "bytes=" + std::to_string(asked.size())});
      pieces.push_back({.content = " turns=" + std::to_string(turns)});
      pieces.push_back({.content = " media=" + std::to_string(media)});
    }
    return pieces;
  }

  const int pause_ms_;
};

class PtyTest : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HOME", folder_.path().c_str(), 1);
    ::unsetenv("NO_COLOR");
    write_picture(at("a.png"), 64, 64);
    write_text(at("t.txt"), "a note\n");
  }
  std::string at(const char* name) const { return (folder_.path() / name).string(); }

  // As `glmv chat` does it.
  int chat_program() const {
    SlowBackend backend(pause_ms_);
    const std::unique_ptr<Tty> tty = Tty::open(0, 1);
    if (tty == nullptr) return 99;
    catch_signals();
    ChatOptions options;
    options.model.name = "nano";
    options.display.colour = wants_styles(1);
    options.display.stats = stats_;
    FileScreen out(1);
    Chat chat(backend, std::move(options),
              {.out = out, .notes = *tty, .tty = tty.get(), .drawn = true});
    LineHistory history;
    (void)history.open(at("history"));
    return run_interactive(chat, *tty, history);
  }
  PtyProgram start(int columns = 80, int rows = 24) {
    return PtyProgram([this] { return chat_program(); }, columns, rows);
  }

  TempFolder folder_;
  int pause_ms_ = 0;
  bool stats_ = false;
};

TEST_F(PtyTest, AMessageAndItsAnswer) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("hello\r");
  ASSERT_TRUE(p.sees("bytes=5 turns=0 media=0"));
  ASSERT_TRUE(p.is_at_prompt());
  p.type("more\r");
  ASSERT_TRUE(p.sees("bytes=4 turns=1"));
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_EQ(p.screen().text(),
            ">>> hello\nbytes=5 turns=0 media=0\n>>> more\nbytes=4 turns=1 media=0\n>>>\n");
  p.type("\x04");
  EXPECT_EQ(p.ends(), 0);
  EXPECT_TRUE(p.is_cooked());
}

TEST_F(PtyTest, InterruptWithin200Milliseconds) {
  pause_ms_ = 50;
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("long\r");
  ASSERT_TRUE(p.sees("w3"));
  const auto start = std::chrono::steady_clock::now();
  p.type("\x03");
  ASSERT_TRUE(p.sees("(interrupted"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(200));
  ASSERT_TRUE(p.is_at_prompt());
  // The part that had come is kept in the conversation.
  p.type("next\r");
  ASSERT_TRUE(p.sees("bytes=4 turns=1"));
  p.type("/exit\r");
  EXPECT_EQ(p.ends(), 0);
}

TEST_F(PtyTest, TheReadingOfMediaIsShownAndInterrupted) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("prepare\r");
  ASSERT_TRUE(p.sees("reading clip.mp4: ") && p.sees(" of 24 frames"));
  const auto start = std::chrono::steady_clock::now();
  p.type("\x03");
  ASSERT_TRUE(p.sees("(interrupted"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(200));
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_THAT(p.screen().text(), Not(HasSubstr("clip.mp4")));
}

TEST_F(PtyTest, CtrlCAtAnEmptyPromptHintsThenLeaves) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("never mind\x03");
  ASSERT_TRUE(p.sees(">>> never mind\n>>>"));
  p.type("\x03");
  ASSERT_TRUE(p.sees("(Ctrl-C again, Ctrl-D or /exit to leave)"));
  p.type("\x03");
  EXPECT_EQ(p.ends(), 130);
  EXPECT_TRUE(p.is_cooked());
}

TEST_F(PtyTest, ASecondCtrlCEndsAProgramThatHangs) {
  // A backend that never asks whether it is still wanted.
  class Deaf : public api::ChatBackend {
    Result<api::ChatReply> chat(const api::ChatRequest&, const api::OnChunk&) override {
      while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  };
  PtyProgram p([] {
    Deaf backend;
    const auto tty = Tty::open(0, 1);
    catch_signals();
    Chat chat(backend, {}, {.out = *tty, .notes = *tty, .tty = tty.get(), .drawn = true});
    LineHistory history;
    return run_interactive(chat, *tty, history);
  });
  ASSERT_TRUE(p.is_at_prompt());
  p.type("q\r");
  ASSERT_TRUE(p.waits_for([&] { return !p.is_cooked(); }));
  ::usleep(200'000);
  p.type("\x03");
  ::usleep(100'000);
  p.type("\x03");
  EXPECT_EQ(p.ends(), 130);
  EXPECT_TRUE(p.is_cooked());
}

TEST_F(PtyTest, SignalsLeaveTheTerminalAsItWas) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    PtyProgram p = start();
    ASSERT_TRUE(p.is_at_prompt());
    EXPECT_FALSE(p.is_cooked());
    ::kill(p.pid(), signal);
    EXPECT_EQ(p.ends(), 128 + signal);
    EXPECT_TRUE(p.is_cooked());
    EXPECT_THAT(p.screen().raw, HasSubstr("\033[?2004l"));
  }
}

TEST_F(PtyTest, ThinkingFoldsIntoALine) {
  pause_ms_ = 60;
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("think\r");
  ASSERT_TRUE(p.sees("thinking\u2026 "));
  ASSERT_TRUE(p.sees("Thought."));
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_THAT(p.screen().text(), HasSubstr("\u25b8 thought for 0."));
  EXPECT_THAT(p.screen().text(), Not(HasSubstr("thinking")));
  p.type("/show think\r");
  ASSERT_TRUE(p.sees("let me see"));
}

TEST_F(PtyTest, MarkdownIsDrawnByBlocks) {
  pause_ms_ = 40;
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("markdown\r");
  ASSERT_TRUE(p.sees("Some **bo"));  // as it comes
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_THAT(p.screen().text(), HasSubstr("Some bold text\n\n\u2022 item\n\n```\ncode\n```\n>>>"));
  EXPECT_THAT(p.screen().raw, HasSubstr("\033[1mbold\033[0m"));
}

TEST_F(PtyTest, NoColorHasNoStyles) {
  ::setenv("NO_COLOR", "1", 1);
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("markdown\r");
  ASSERT_TRUE(p.sees("\u2022 item"));
  p.type("think\r");
  ASSERT_TRUE(p.sees("Thought."));
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_THAT(p.screen().raw, Not(HasSubstr("\033[1m")));
  EXPECT_THAT(p.screen().raw, Not(HasSubstr("\033[2m")));
  EXPECT_THAT(p.screen().text(), HasSubstr("Some **bold** text"));
}

TEST_F(PtyTest, NarrowAndEastAsian) {
  stats_ = true;
  PtyProgram p = start(20, 10);
  ASSERT_TRUE(p.is_at_prompt());
  p.type("cjk\r");
  ASSERT_TRUE(p.sees("eos]"));
  EXPECT_THAT(p.screen().text(),
              HasSubstr("\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\n"));
  p.type("/help\r");
  ASSERT_TRUE(p.sees("completes."));
  EXPECT_LE(p.screen().widest(), 20);
}

// Everything that a chat says by itself, as wide as the terminal at most.
TEST_F(PtyTest, SpeaksChinese) {
  ::setenv("GLMV_LANG", "zh", 1);
  stats_ = true;
  pause_ms_ = 20;
  for (const int columns : {20, 80}) {
    PtyProgram p = start(columns, 24);
    // Wherever lines are broken.
    const auto shows = [&p](const std::string& text) {
      return p.waits_for([&] {
        std::string all = p.screen().text();
        std::erase(all, '\n');
        return all.find(text) != std::string::npos;
      });
    };
    ASSERT_TRUE(p.is_at_prompt());
    p.type("/help\r");
    EXPECT_TRUE(shows("\u8865\u5168\u3002")) << p.screen().text();
    p.type("/image ~/a.png\r");
    EXPECT_TRUE(shows("\u5df2\u6dfb\u52a0\u56fe\u7247")) << p.screen().text();
    p.type("think\r");
    EXPECT_TRUE(shows("\u25b8 \u601d\u8003\u4e86")) << p.screen().text();
    EXPECT_TRUE(shows("\u7ed3\u675f")) << p.screen().text();
    p.type("/set temp x\r");
    EXPECT_TRUE(shows("\u9519\u8bef\uff1a")) << p.screen().text();
    p.type("/undo\r");
    EXPECT_TRUE(shows("\u5df2\u64a4\u9500\uff1athink")) << p.screen().text();
    p.type("\x03");
    EXPECT_TRUE(shows("\uff08\u518d\u6309\u4e00\u6b21")) << p.screen().text();
    EXPECT_LE(p.screen().widest(), columns);
    for (const char* english : {"attached", "thought", "error", "message", "leave", "picture"}) {
      EXPECT_THAT(p.screen().text(), Not(HasSubstr(english)));
    }
    p.type("/exit\r");
    EXPECT_EQ(p.ends(), 0);
  }
  ::setenv("GLMV_LANG", "en", 1);
}

TEST_F(PtyTest, EditingKeys) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("wrold\033[D\033[D\033[D\x14\x01hello \x05!");
  ASSERT_TRUE(p.sees(">>> hello world!"));
  p.type("\x17\u4f60\u597d\x7f?\r");
  ASSERT_TRUE(p.sees("bytes=10 "));  // "hello " and "\u4f60?"
  p.type("\033[A");
  ASSERT_TRUE(p.sees(">>> hello \u4f60?\nbytes=10 turns=0 media=0\n>>> hello \u4f60?"));
  p.type("\x15\x0c");
  ASSERT_TRUE(p.is_at_prompt());
}

TEST_F(PtyTest, SeveralLines) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("\"\"\"\r");
  ASSERT_TRUE(p.is_at_prompt("..."));
  p.type("one\rtwo\r\"\"\"\r");
  ASSERT_TRUE(p.sees("bytes=7 turns=0"));
  p.type("one\033\rtwo\r");
  ASSERT_TRUE(p.sees(">>> one\n... two\nbytes=7 turns=1"));
  // A paste is one message whatever lines it has.
  p.type("\033[200~a\r\nb\r\n/exit\r\n\033[201~\r");
  ASSERT_TRUE(p.sees("bytes=9 turns=2"));
}

TEST_F(PtyTest, NothingPastedIsACommand) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("\033[200~/exit\033[201~\r");
  ASSERT_TRUE(p.sees("bytes=5 turns=0"));
  ASSERT_TRUE(p.is_at_prompt());
  p.type("\033[200~// comment\033[201~ of mine\r");
  ASSERT_TRUE(p.sees("bytes=18 turns=1"));
  ASSERT_TRUE(p.is_at_prompt());
  p.type("\033[200~\"\"\"\033[201~\r");
  ASSERT_TRUE(p.sees("bytes=3 turns=2"));
  ASSERT_TRUE(p.is_at_prompt());
  // From the history as it would be typed.
  p.type("\033[A\033[A");
  ASSERT_TRUE(p.sees(">>> /// comment of mine"));
  p.type("\r");
  ASSERT_TRUE(p.sees("bytes=18 turns=3"));
  ASSERT_TRUE(p.is_at_prompt());
  // What is typed in front of a paste, or in its place, counts.
  p.type("/read \033[200~" + at("t.txt") + "\033[201~\r");
  ASSERT_TRUE(p.sees("attached text ~/t.txt"));
  ASSERT_TRUE(p.is_at_prompt("[+1] >>>"));
  p.type("\033[200~/x\033[201~\x7f\x7f/drop 1\r");
  ASSERT_TRUE(p.sees("dropped ~/t.txt"));
}

TEST_F(PtyTest, TenMegabytesPasted) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  std::string text = "start ";
  while (text.size() < (10u << 20)) text += "0123456789 0123456789 0123456789 0123456789\n";
  text += "end";
  p.type("\033[200~" + text + "\033[201~");
  ASSERT_TRUE(p.sees("... end", 60'000));
  p.type("!\r");
  ASSERT_TRUE(p.sees("bytes=" + std::to_string(text.size() + 1), 60'000));
}

TEST_F(PtyTest, CompletionOfCommandsAndPaths) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("/im\t");
  ASSERT_TRUE(p.sees(">>> /image"));
  p.type("~/a.p\t\r");
  ASSERT_TRUE(p.sees("attached image ~/a.png: 64 x 64, PNG"));
  ASSERT_TRUE(p.is_at_prompt("[+1] >>>"));
  p.type("/e\t\t");
  ASSERT_TRUE(p.sees("/edit    /export  /exit"));
  p.type("\x15what?\r");
  ASSERT_TRUE(p.sees("media=1"));
  p.type(at("a.png") + " and this?\r");
  ASSERT_TRUE(p.sees("media=2"));
}

TEST_F(PtyTest, SearchInEarlierMessages) {
  write_text(at("history"), "first question\nsecond one\n");
  std::filesystem::permissions(at("history"), std::filesystem::perms(0600));
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type(
      "\x12"
      "fir");
  ASSERT_TRUE(p.sees("(search `fir') first question"));
  p.type("\r");
  ASSERT_TRUE(p.sees("bytes=14"));
  p.type(
      "\x12"
      "sec\033");
  ASSERT_TRUE(p.is_at_prompt());
}

TEST_F(PtyTest, TheEditorWritesAMessage) {
  write_text(at("editor"), "#!/bin/sh\nprintf ' and more' >> \"$1\"\n");
  std::filesystem::permissions(at("editor"), std::filesystem::perms(0700));
  ::setenv("VISUAL", at("editor").c_str(), 1);
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("text\x07");
  ASSERT_TRUE(p.sees(">>> text and more"));
  p.type("\r");
  ASSERT_TRUE(p.sees("bytes=13"));
  ::unsetenv("VISUAL");
}

TEST_F(PtyTest, CommandsInARow) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  const auto expect = [&](const std::string& line, const std::string& text) {
    p.type(line + "\r");
    EXPECT_TRUE(p.sees(text)) << line << "\n" << p.screen().text();
  };
  expect("/model", "nano");
  expect("/media", "no media");
  expect("/set temp 0.3", "temp 0.3");
  expect("/system be brief", "the system prompt is changed");
  expect("/image " + at("a.png"), "attached image");
  expect("where", "[[100,100,500,500]]");
  expect("/stats", "stop eos]");
  expect("/save ~/s.json", "saved to ~/s.json");
  expect("/undo", "forgotten: where");
  expect("/load ~/s.json", "loaded 1 message");
  expect("/export ~/x.md", "exported to ~/x.md");
  expect("/regen", "[[100,100,500,500]]");
  expect("/nonsense", "unknown command /nonsense");
  expect("/clear", "the conversation is empty");
  expect("/tokens", "not known before the first reply");
  p.type("/quit\r");
  EXPECT_EQ(p.ends(), 0);
}

TEST_F(PtyTest, BoxesAreShownWhereTheTerminalCanShowPictures) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("/image " + at("a.png") + "\r");
  ASSERT_TRUE(p.is_at_prompt("[+1] >>>"));
  p.type("where\r");
  ASSERT_TRUE(p.is_at_prompt());
  p.type("/boxes " + at("b.png") + "\r");
  ASSERT_TRUE(p.waits_for([&] { return p.screen().raw.find("\033[c") != std::string::npos; }));
  p.type("\033[?62;4;22c");  // sixels
  ASSERT_TRUE(p.waits_for([&] { return p.screen().raw.find("\033P0;1q") != std::string::npos; }));
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_TRUE(std::filesystem::exists(at("b.png")));
}

TEST_F(PtyTest, NoPictureForATerminalThatDoesNotAnswer) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("/image " + at("a.png") + "\r");
  ASSERT_TRUE(p.is_at_prompt("[+1] >>>"));
  p.type("where\r");
  ASSERT_TRUE(p.is_at_prompt());
  p.type("/boxes " + at("b.png") + "\r");
  ASSERT_TRUE(p.sees("drawn to"));
  ASSERT_TRUE(p.is_at_prompt());
  EXPECT_EQ(p.screen().raw.find("\033P0;1q"), std::string::npos);
}

TEST_F(PtyTest, TheWidthMayChangeAtAnyTime) {
  pause_ms_ = 20;
  PtyProgram p = start(60, 24);
  ASSERT_TRUE(p.is_at_prompt());
  p.type("long\r");
  ASSERT_TRUE(p.sees("w12 "));
  p.resize(30, 24);
  ASSERT_TRUE(p.sees("w40 "));
  p.type("\x03");
  ASSERT_TRUE(p.is_at_prompt());
  p.type("some words that are longer than the thirty columns");
  ASSERT_TRUE(p.sees("thirty columns"));
  p.resize(80, 24);
  ASSERT_TRUE(p.sees(">>> some words that are longer than the thirty columns"));
}

TEST_F(PtyTest, TypedAheadIsKeptForTheNextPrompt) {
  pause_ms_ = 40;
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("think\r");
  ASSERT_TRUE(p.sees("thinking"));
  p.type("ahead");
  ASSERT_TRUE(p.sees(">>> ahead"));
  EXPECT_THAT(p.screen().text(), HasSubstr("Thought.\n>>> ahead"));
}

TEST_F(PtyTest, HistoryIsPrivate) {
  PtyProgram p = start();
  ASSERT_TRUE(p.is_at_prompt());
  p.type("secret\r");
  ASSERT_TRUE(p.sees("bytes=6"));
  p.type("\x04");
  EXPECT_EQ(p.ends(), 0);
  EXPECT_EQ(*read_file(at("history")), "secret\n");
  const auto rights = std::filesystem::status(at("history")).permissions();
  EXPECT_EQ(rights & std::filesystem::perms(0777), std::filesystem::perms(0600));
}

}  // namespace
}  // namespace glmv::terminal
