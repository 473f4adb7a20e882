#include "glmv/terminal/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "glmv/api/scripted_backend.h"
#include "glmv/base/files.h"
#include "glmv/terminal/chat_loop.h"
#include "glmv/terminal/command_table.h"
#include "glmv/terminal/pictures_for_test.h"
#include "glmv/terminal/temp_folder_for_test.h"
#include "glmv/terminal/virtual_screen_for_test.h"

namespace glmv::terminal {
namespace {

using api::ScriptedReply;
using testing::HasSubstr;
using testing::Not;

// A chat without a terminal: every command runs the same there.
class ChatTest : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HOME", folder_.path().c_str(), 1);
    write_picture(at("a.png"), 100, 100);
  }
  void start(std::vector<ScriptedReply> replies, ChatOptions options = {}) {
    backend_ = std::make_unique<api::ScriptedBackend>(std::move(replies));
    options.model.name = "test model";
    options.model.context_limit = 1000;
    chat_ = std::make_unique<Chat>(*backend_, std::move(options),
                                   ChatScreens{.out = out_, .notes = notes_});
  }
  std::string at(const char* name) const { return (folder_.path() / name).string(); }
  // What this line shows.
  std::string run(const std::string& line) {
    out_.raw.clear();
    notes_.raw.clear();
    going_ = chat_->handle(line);
    return out_.raw + notes_.raw;
  }

  TempFolder folder_;
  VirtualScreen out_, notes_;
  std::unique_ptr<api::ScriptedBackend> backend_;
  std::unique_ptr<Chat> chat_;
  bool going_ = true;
};

TEST_F(ChatTest, EveryCommandHasHelpAndRunsWithoutArguments) {
  start({});
  for (const CommandRow& row : command_rows()) {
    EXPECT_EQ(find_command(row.name), &row);
    run(std::string(row.name));
    run(std::string(row.name) + " 'odd \\ arguments' 1 2 3");
    EXPECT_THAT(help_text(row.name), HasSubstr(row.name));
  }
  EXPECT_TRUE(backend_->requests().empty());  // none of it went to the model
  EXPECT_THAT(run("/help"), HasSubstr("/image PATH..."));
  EXPECT_THAT(run("/help set"), HasSubstr("think-budget"));
  EXPECT_THAT(run("/help nothing"), HasSubstr("no command"));
}

TEST_F(ChatTest, UnknownCommandsAreNeverSent) {
  start({ScriptedReply::text({"ok"})});
  EXPECT_THAT(run("/imagine a cat"), HasSubstr("unknown command /imagine"));
  EXPECT_EQ(chat_->last_code(), kUsage);
  EXPECT_EQ(run("//imagine a cat"), "ok\n");
  EXPECT_EQ(backend_->requests()[0].messages[0].text(), "/imagine a cat");
}

TEST_F(ChatTest, MediaAreListedDroppedAndSent) {
  ChatOptions options;
  options.count_tokens = [](const api::ChatRequest&,
                            const api::OnChunk&) -> Result<api::PromptTokens> {
    return api::PromptTokens{.ids = {1, 2, 3}, .media = {{.kind = "image", .num_tokens = 25}}};
  };
  write_text(at("n.txt"), "note");
  start({ScriptedReply::text({"seen"})}, options);
  EXPECT_THAT(run("/image " + at("a.png")), HasSubstr("attached image ~/a.png: 100 x 100, PNG"));
  EXPECT_THAT(run("/read " + at("n.txt")), HasSubstr("attached text ~/n.txt"));
  EXPECT_THAT(run("/media"), HasSubstr("1  image  ~/a.png  0.3 kB, 100 x 100, PNG, 25 tokens"));
  EXPECT_THAT(run("/tokens"), HasSubstr("3 tokens of 1000, 25 of them of media, with those of"));
  run("/drop 2");
  EXPECT_EQ(chat_->pending().size(), 1u);
  EXPECT_THAT(run("/drop 5"), HasSubstr("no medium 5"));
  EXPECT_THAT(run("/image " + at("none.png")), HasSubstr("no such file"));
  EXPECT_EQ(chat_->last_code(), kMediaFailed);
  EXPECT_EQ(run("what?"), "seen\n");
  EXPECT_TRUE(chat_->pending().empty());
  EXPECT_EQ(backend_->requests()[0].messages[0].content[0].source, at("a.png"));
  run("/image " + at("a.png"));
  run("/drop all");
  EXPECT_TRUE(chat_->pending().empty());
  run("/drop 1");
  EXPECT_TRUE(chat_->conversation().pictures()->empty());
}

TEST_F(ChatTest, PathsInMessagesAreAttached) {
  start({ScriptedReply::text({"1"}), ScriptedReply::text({"2"}), ScriptedReply::text({"3"})});
  run(at("a.png") + " what is it?");
  EXPECT_EQ(backend_->requests()[0].messages[0].content.size(), 2u);
  EXPECT_EQ(backend_->requests()[0].messages[0].text(), "what is it?");
  write_text(at("bad.png"), "no picture");
  EXPECT_THAT(run("see " + at("bad.png")), HasSubstr("nothing was sent"));
  EXPECT_EQ(backend_->requests().size(), 1u);
  ChatOptions options;
  options.auto_attach = false;
  start({ScriptedReply::text({"1"})}, options);
  run("see " + at("a.png"));
  EXPECT_EQ(backend_->requests()[0].messages[0].text(), "see " + at("a.png"));
}

TEST_F(ChatTest, ADroppedFileUrlIsAttached) {
  start({ScriptedReply::text({"1"})});
  write_picture(at("my pic.png"), 20, 10);
  run("file://" + folder_.path().string() + "/my%20pic.png what is it?");
  ASSERT_EQ(backend_->requests().size(), 1u);
  EXPECT_EQ(backend_->requests()[0].messages[0].content[0].source, at("my pic.png"));
  EXPECT_EQ(backend_->requests()[0].messages[0].text(), "what is it?");
}

TEST_F(ChatTest, WhatWasPastedIsSentAsItStands) {
  start({ScriptedReply::text({"1"}), ScriptedReply::text({"2"}), ScriptedReply::text({"3"})});
  EXPECT_TRUE(chat_->handle("/exit\nand more\n", true));
  EXPECT_TRUE(chat_->handle("// a comment", true));
  EXPECT_TRUE(chat_->handle("  indented", true));
  ASSERT_EQ(backend_->requests().size(), 3u);
  EXPECT_EQ(backend_->requests()[0].messages.back().text(), "/exit\nand more");
  EXPECT_EQ(backend_->requests()[1].messages.back().text(), "// a comment");
  EXPECT_EQ(backend_->requests()[2].messages.back().text(), "  indented");
}

TEST_F(ChatTest, DocumentsAndTheirPages) {
  ChatOptions options;
  options.reader.document = [](const std::string& path, const std::string& pages,
                               const Wanted&) -> Result<DocumentLook> {
    if (pages == "9") return invalid_argument("there is no page 9");
    return DocumentLook{{.kind = text::PartKind::kDocument, .source = path, .pages = pages},
                        "PDF document, 3 pages"};
  };
  write_text(at("a.pdf"), "%PDF-");
  write_text(at("b.pptx"), "PK");
  start({ScriptedReply::text({"read"})}, options);
  EXPECT_THAT(run("/pdf " + at("a.pdf") + " 1-2"),
              HasSubstr("attached pdf ~/a.pdf: PDF document, 3 pages, 1-2"));
  EXPECT_THAT(run("/pdf " + at("a.pdf") + " 9"), HasSubstr("a.pdf: there is no page 9"));
  EXPECT_EQ(chat_->last_code(), kMediaFailed);
  EXPECT_THAT(run("/ppt " + at("b.pptx")), HasSubstr("attached slides ~/b.pptx"));
  run("what is in " + at("a.pdf"));
  const text::Message asked = backend_->requests()[0].messages[0];
  ASSERT_EQ(asked.content.size(), 4u);
  EXPECT_EQ(asked.content[0].pages, "1-2");
  EXPECT_EQ(asked.content[1].kind, text::PartKind::kDocument);
  EXPECT_EQ(asked.content[2].source, at("a.pdf"));
  EXPECT_EQ(asked.text(), "what is in");
}

TEST_F(ChatTest, RegenUndoClearSystemThink) {
  start({ScriptedReply::text({"a"}), ScriptedReply::text({"b"}), ScriptedReply::text({"c"})});
  EXPECT_THAT(run("/regen"), HasSubstr("no message to answer again"));
  EXPECT_THAT(run("/undo"), HasSubstr("nothing to undo"));
  run("q");
  EXPECT_EQ(run("/regen"), "b\n");
  EXPECT_EQ(chat_->conversation().turns().size(), 1u);
  run("/think off");
  run("/think budget 20");
  run("/system be brief");
  EXPECT_THAT(run("/system"), HasSubstr("be brief"));
  run("next");
  EXPECT_EQ(backend_->requests()[2].messages[0].text(), "be brief");
  EXPECT_EQ(backend_->requests()[2].thinking, api::Thinking::kOff);
  EXPECT_EQ(backend_->requests()[2].thinking_budget, 20);
  EXPECT_THAT(run("/undo"), HasSubstr("forgotten: next"));
  run("/clear");
  EXPECT_TRUE(chat_->conversation().turns().empty());
  EXPECT_EQ(chat_->conversation().system(), "be brief");
  run("/system \"\"");
  EXPECT_EQ(chat_->conversation().system(), "");
}

TEST_F(ChatTest, EditSendsTheChangedMessage) {
  start({ScriptedReply::text({"a"}), ScriptedReply::text({"b"})});
  run("frst");
  write_text(at("editor"), "#!/bin/sh\nprintf 'first\\n' > \"$1\"\n");
  std::filesystem::permissions(at("editor"), std::filesystem::perms(0700));
  ::setenv("VISUAL", at("editor").c_str(), 1);
  EXPECT_EQ(run("/edit"), "b\n");
  EXPECT_EQ(backend_->requests()[1].messages.size(), 1u);
  EXPECT_EQ(backend_->requests()[1].messages[0].text(), "first");
  ::setenv("VISUAL", "true", 1);
  EXPECT_THAT(run("/edit"), HasSubstr("unchanged"));
  ::setenv("VISUAL", "false", 1);
  EXPECT_THAT(run("/edit"), HasSubstr("failed with code 1"));
  EXPECT_EQ(chat_->conversation().turns().size(), 1u);
  ::unsetenv("VISUAL");
}

TEST_F(ChatTest, AnEditThatIsNotAnsweredLosesNothing) {
  start({ScriptedReply::text({"a"}), ScriptedReply::failure({Code::kUnavailable, "gone"}),
         ScriptedReply::text({"b"})});
  run("/image " + at("a.png"));
  run("first");
  write_text(at("editor"), "#!/bin/sh\nprintf ' again' >> \"$1\"\n");
  std::filesystem::permissions(at("editor"), std::filesystem::perms(0700));
  ::setenv("VISUAL", at("editor").c_str(), 1);
  EXPECT_THAT(run("/edit"), HasSubstr("error: gone"));
  ASSERT_EQ(chat_->conversation().turns().size(), 1u);
  EXPECT_EQ(chat_->conversation().turns()[0].reply.content, "a");
  EXPECT_EQ(run("/regen"), "b\n");
  ::unsetenv("VISUAL");
  ASSERT_EQ(chat_->conversation().turns().size(), 1u);
  const text::Message asked = backend_->requests()[2].messages.back();
  EXPECT_EQ(backend_->requests()[2].messages.size(), 1u);
  EXPECT_EQ(asked.text(), "first again");
  EXPECT_EQ(asked.content[0].source, at("a.png"));
}

TEST_F(ChatTest, ReadingMediaCanBeStopped) {
  ChatOptions options;
  options.reader.look_at_video = [](const text::ContentPart&,
                                    const Wanted& wanted) -> Result<std::string> {
    std::raise(SIGINT);
    for (int i = 0; i < 1000 && is_wanted(wanted); ++i) ::usleep(10'000);
    return cancelled("reading a video was stopped");
  };
  options.count_tokens = [](const api::ChatRequest&,
                            const api::OnChunk& on_chunk) -> Result<api::PromptTokens> {
    std::raise(SIGINT);
    if (!on_chunk({})) return cancelled("stopped");
    return api::PromptTokens{};
  };
  write_text(at("v.mp4"), "video");
  catch_signals();
  start({}, options);
  EXPECT_THAT(run("/video " + at("v.mp4")), HasSubstr("reading a video was stopped"));
  EXPECT_EQ(chat_->last_code(), kInterrupted);
  EXPECT_TRUE(chat_->pending().empty());
  EXPECT_FALSE(interrupted());
  EXPECT_THAT(run("/tokens"), HasSubstr("stopped"));
  EXPECT_FALSE(interrupted());
}

TEST_F(ChatTest, BoxesAreDrawn) {
  start({ScriptedReply::text({"<|begin_of_box|>[[100,200,500,600]]<|end_of_box|>"}),
         ScriptedReply::text({"none"})});
  EXPECT_THAT(run("/boxes"), HasSubstr("no reply yet"));
  run("/image " + at("a.png"));
  run("where?");
  EXPECT_THAT(run("/boxes " + at("out.png")), HasSubstr("drawn to " + at("out.png")));
  EXPECT_EQ(MediaReader().attach(MediaKind::kImage, at("out.png"))->about, "100 x 100, PNG");
  EXPECT_NE(*read_file(at("out.png")), *read_file(at("a.png")));
  EXPECT_THAT(run("/boxes /proc/no/out.png"), HasSubstr("error:"));
  run("again");
  EXPECT_THAT(run("/boxes"), HasSubstr("has no boxes"));
}

TEST_F(ChatTest, SaveLoadExportStatsModel) {
  ScriptedReply script = ScriptedReply::text({"answer"});
  script.pieces.insert(script.pieces.begin(), api::ChatChunk{.reasoning = "the thought"});
  start({script, ScriptedReply::text({"more"})});
  EXPECT_THAT(run("/stats"), HasSubstr("no reply yet"));
  run("/set temp 0.5");
  run("/image " + at("a.png"));
  run("question");
  EXPECT_THAT(run("/show think"), HasSubstr("the thought"));
  EXPECT_THAT(run("/stats"), HasSubstr("stop eos]"));
  EXPECT_THAT(run("/tokens"), HasSubstr("tokens of 1000"));
  EXPECT_THAT(run("/model"), HasSubstr("test model\ncontext of 1000 tokens"));
  EXPECT_THAT(run("/save ~/s.json"), HasSubstr("saved to ~/s.json: 1 message"));
  run("/export " + at("x.md"));
  EXPECT_THAT(*read_file(at("x.md")), HasSubstr("## You\n\n*image: a.png*"));
  run("/clear");
  run("/set temp default");
  EXPECT_THAT(run("/load ~/s.json"), HasSubstr("loaded 1 message"));
  EXPECT_THAT(run("/set"), HasSubstr("temp                0.5"));
  run("and now?");
  EXPECT_EQ(backend_->requests()[1].messages.size(), 3u);
  EXPECT_EQ(backend_->requests()[1].messages[0].content[0].source, at("a.png"));
  EXPECT_THAT(run("/load " + at("none")), HasSubstr("error:"));
  run("/bye");
  EXPECT_FALSE(going_);
}

TEST_F(ChatTest, TheSessionIsKeptUpToDate) {
  start({ScriptedReply::text({"a"}), ScriptedReply::text({"b"})});
  chat_->keep_session(at("auto.json"));
  run("q");
  EXPECT_THAT(*read_file(at("auto.json")), HasSubstr("\"q\""));
  run("/undo");
  EXPECT_THAT(*read_file(at("auto.json")), Not(HasSubstr("\"q\"")));
  chat_->keep_session("/proc/none/x.json");
  EXPECT_THAT(run("q"), HasSubstr("warning: the session is not kept"));
  EXPECT_EQ(run("/clear"), "the conversation is empty\n");  // said once
}

TEST_F(ChatTest, ClipboardPictures) {
  start({});
  ::unsetenv("DISPLAY");
  ::unsetenv("WAYLAND_DISPLAY");
  EXPECT_THAT(run("/paste"), HasSubstr("there is no clipboard"));
  EXPECT_EQ(chat_->last_code(), kMediaFailed);
  write_text(at("wl-paste"), "#!/bin/sh\ncat '" + at("a.png") + "'\n");
  std::filesystem::permissions(at("wl-paste"), std::filesystem::perms(0700));
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (folder_.path().string() + ":" + path).c_str(), 1);
  ::setenv("WAYLAND_DISPLAY", "wayland-0", 1);
  EXPECT_THAT(run("/paste"), HasSubstr("attached the picture in the clipboard: 100 x 100, PNG"));
  EXPECT_THAT(run("/media"), HasSubstr("clipboard"));
  write_text(at("wl-paste"), "#!/bin/sh\necho text\n");
  EXPECT_THAT(run("/paste"), HasSubstr("is no picture"));
  ::setenv("PATH", path.c_str(), 1);
  ::unsetenv("WAYLAND_DISPLAY");
}

TEST_F(ChatTest, ScriptsStopAtTheFirstFailure) {
  start({ScriptedReply::text({"one"}), ScriptedReply::text({"two"}),
         ScriptedReply::failure({Code::kUnavailable, "gone"}), ScriptedReply::text({"never"})});
  std::istringstream script(
      "first\n\n\"\"\"\nline 1\n\nline 2\n\"\"\"\n/set seed 1\nthird\nfourth\n");
  EXPECT_EQ(run_script(*chat_, script), kModelFailed);
  EXPECT_EQ(out_.raw, "one\ntwo\n");
  EXPECT_THAT(notes_.raw, HasSubstr("error: gone"));
  EXPECT_EQ(backend_->requests()[1].messages.back().text(), "line 1\n\nline 2");
  EXPECT_EQ(backend_->requests().size(), 3u);
  std::istringstream bad("/image /none.png\nq\n");
  EXPECT_EQ(run_script(*chat_, bad), kMediaFailed);
  std::istringstream unknown("/what\n");
  EXPECT_EQ(run_script(*chat_, unknown), kUsage);
}

TEST_F(ChatTest, JsonOfAScriptIsALineEach) {
  ChatOptions options;
  options.format = OutputFormat::kJson;
  options.quiet = true;
  start({ScriptedReply::text({"one"}), ScriptedReply::text({"two"})}, options);
  std::istringstream script("a\nb\n");
  EXPECT_EQ(run_script(*chat_, script), kOk);
  const size_t newline = out_.raw.find('\n');
  EXPECT_EQ(Json::parse(out_.raw.substr(0, newline))["answer"], "one");
  EXPECT_EQ(Json::parse(out_.raw.substr(newline))["answer"], "two");
  EXPECT_EQ(notes_.raw, "");
}

}  // namespace
}  // namespace glmv::terminal
