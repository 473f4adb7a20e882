#include "glmv/terminal/session_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "glmv/base/files.h"
#include "glmv/media/source.h"
#include "glmv/terminal/pictures_for_test.h"
#include "glmv/terminal/settings.h"
#include "glmv/terminal/temp_folder_for_test.h"

namespace glmv::terminal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class SessionFile : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HOME", folder_.path().c_str(), 1);
    write_picture(at("a.png"));
    write_text(at("t.txt"), "text\n");
  }
  std::string at(const char* name) const { return (folder_.path() / name).string(); }

  Session sample() {
    Turn turn;
    turn.question = {"what?",
                     {*reader_.attach(MediaKind::kImage, at("a.png")),
                      *reader_.attach(MediaKind::kText, at("t.txt"))}};
    turn.reply = {.reasoning = "hm",
                  .content = "A <|begin_of_box|>x<|end_of_box|>",
                  .finish_reason = "cancelled"};
    turn.stats = {{"gen_tokens", 5}};
    turn.interrupted = true;
    return {"nano", "be brief", {{"temp", "0.5"}}, {turn}};
  }

  TempFolder folder_;
  MediaReader reader_;
  EmbeddedMedia embedded_;
};

TEST_F(SessionFile, RoundTrip) {
  for (const bool embed : {false, true}) {
    ASSERT_TRUE(save_session(at("s.json"), sample(), embed ? &embedded_ : nullptr));
    struct stat info{};
    ASSERT_EQ(::stat(at("s.json").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    const std::string text = *read_file(at("s.json"));
    EXPECT_THAT(text, Not(HasSubstr(folder_.path().string())));  // no path of the home folder
    EXPECT_EQ(text.find("\"data\"") != text.npos, embed);
    const auto loaded = load_session(at("s.json"), reader_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_TRUE(loaded->warnings.empty());
    const Session& s = loaded->session;
    EXPECT_EQ(s.model, "nano");
    EXPECT_EQ(s.system, "be brief");
    EXPECT_EQ(s.params["temp"], "0.5");
    ASSERT_EQ(s.turns.size(), 1u);
    EXPECT_EQ(s.turns[0].question.text, "what?");
    ASSERT_EQ(s.turns[0].question.media.size(), 2u);
    EXPECT_EQ(s.turns[0].question.media[0].sha256, sample().turns[0].question.media[0].sha256);
    EXPECT_EQ(s.turns[0].reply.content, "A x");
    EXPECT_EQ(s.turns[0].reply.reasoning, "hm");
    EXPECT_TRUE(s.turns[0].interrupted);
    EXPECT_EQ(s.turns[0].stats["gen_tokens"], 5);
    // What was loaded is stored the same.
    EXPECT_EQ(session_json(s, &embedded_)->dump(), session_json(sample(), &embedded_)->dump());
  }
}

TEST_F(SessionFile, ChangedAndMissingMediaWarn) {
  ASSERT_TRUE(save_session(at("s.json"), sample(), nullptr));
  write_picture(at("a.png"), 50, 50);
  std::filesystem::remove(at("t.txt"));
  const auto loaded = load_session(at("s.json"), reader_);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->warnings,
              ElementsAre(HasSubstr("a.png has changed"), HasSubstr("t.txt is left out")));
  EXPECT_EQ(loaded->session.turns[0].question.media.size(), 1u);
  // Embedded ones are there whatever became of their files.
  ASSERT_TRUE(save_session(at("e.json"), loaded->session, &embedded_));
  std::filesystem::remove(at("a.png"));
  EXPECT_TRUE(load_session(at("e.json"), reader_)->warnings.empty());
}

TEST_F(SessionFile, EmbeddedMediaOfEveryKindNeedNoFiles) {
  std::vector<std::string> looked;  // what was asked for, as bytes
  const auto content = [](const std::string& source) {
    const auto loaded = media::load_source(source);
    return loaded ? loaded->bytes : loaded.error().message;
  };
  reader_.look_at_video = [&](const text::ContentPart& part, const Wanted&) -> Result<std::string> {
    looked.push_back(fmt::format("{} {}", content(part.source), part.end_s));
    return "2 s";
  };
  reader_.document = [&](const std::string& source, const std::string& pages,
                         const Wanted&) -> Result<DocumentLook> {
    looked.push_back(content(source) + " " + pages);
    return DocumentLook{{.kind = text::PartKind::kDocument, .source = source, .pages = pages},
                        "3 pages"};
  };
  write_text(at("v.mp4"), "a video");
  write_text(at("d.pdf"), "a document");
  write_text(at("s.pptx"), "slides");
  Turn turn = sample().turns[0];
  turn.question.media.push_back(*reader_.attach(MediaKind::kVideo, at("v.mp4"), "0-1"));
  turn.question.media.push_back(*reader_.attach(MediaKind::kPdf, at("d.pdf"), "1-2"));
  turn.question.media.push_back(*reader_.attach(MediaKind::kSlides, at("s.pptx")));
  const Session session{"nano", "", Json::object(), {turn}};
  ASSERT_TRUE(save_session(at("s.json"), session, &embedded_));
  for (const char* name : {"a.png", "t.txt", "v.mp4", "d.pdf", "s.pptx"}) {
    std::filesystem::remove(at(name));
  }
  // Stored again without a look at the files.
  ASSERT_TRUE(save_session(at("s.json"), session, &embedded_));
  looked.clear();
  const auto loaded = load_session(at("s.json"), reader_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, ElementsAre());
  EXPECT_THAT(looked, ElementsAre("a video 1", "a document 1-2", "slides "));
  const std::vector<Attachment>& media = loaded->session.turns[0].question.media;
  ASSERT_EQ(media.size(), 5u);
  EXPECT_EQ(media[1].part.text, "t.txt:\n```txt\ntext\n```\n");
  EXPECT_EQ(media[3].part.name, "d.pdf");
  // They stay in the file from now on, with and without --embed-media.
  EXPECT_EQ(session_json(loaded->session, nullptr)->dump(),
            session_json(loaded->session, &embedded_)->dump());
  EXPECT_THAT(session_json(loaded->session, nullptr)->dump(), HasSubstr("\"path\":\"~/d.pdf\""));
  EXPECT_THAT(export_markdown(loaded->session), HasSubstr("*pdf: d.pdf 1-2*"));
}

TEST_F(SessionFile, BadFilesNameTheField) {
  const auto error = [&](const char* json) {
    const auto result = parse_session(Json::parse(json), reader_);
    return result ? "accepted" : result.error().message;
  };
  EXPECT_THAT(error("[]"), HasSubstr("\"v\": 1"));
  EXPECT_THAT(error(R"({"v":2})"), HasSubstr("version 2"));
  EXPECT_THAT(error(R"({"v":1,"model":3})"), HasSubstr("session.model"));
  EXPECT_THAT(error(R"({"v":1,"params":[]})"), HasSubstr("params"));
  EXPECT_THAT(error(R"({"v":1,"messages":{}})"), HasSubstr("messages"));
  EXPECT_THAT(error(R"({"v":1,"messages":[1]})"), HasSubstr("messages[0]"));
  EXPECT_THAT(error(R"({"v":1,"messages":[{"role":"assistant"}]})"), HasSubstr("messages[0].role"));
  EXPECT_THAT(error(R"({"v":1,"messages":[{"role":"user","media":[{"kind":"x"}]}]})"),
              HasSubstr("messages[0].media[0].kind"));
  EXPECT_THAT(
      error(R"({"v":1,"messages":[{"role":"user","media":[{"kind":"image","data":"%"}]}]})"),
      HasSubstr("base64"));
  EXPECT_THAT(load_session(at("none.json"), reader_).error().message, HasSubstr("none.json"));
  write_text(at("bad.json"), "{\"v\":");
  EXPECT_FALSE(load_session(at("bad.json"), reader_));
  EXPECT_FALSE(save_session("/proc/none/s.json", sample(), nullptr));
}

TEST_F(SessionFile, ExportNamesFilesOnly) {
  const std::string text = export_markdown(sample());
  EXPECT_THAT(text, HasSubstr("*image: a.png*"));
  EXPECT_THAT(text, HasSubstr("A x\n"));
  EXPECT_THAT(text, HasSubstr("*(interrupted)*"));
  EXPECT_THAT(text, Not(HasSubstr(folder_.path().string())));
}

TEST(Settings, SetShowStore) {
  api::ChatRequest request;
  Display display;
  const Settings settings{request, display};
  EXPECT_TRUE(settings_json(settings).empty());
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"temp", "0.5"},
                                                        {"top-k", "4"},
                                                        {"seed", "7"},
                                                        {"stop", "END"},
                                                        {"stop", "\n\n"},
                                                        {"think", "off"},
                                                        {"think-budget", "100"},
                                                        {"show-think", "full"},
                                                        {"markdown", "off"}}) {
    EXPECT_TRUE(change_setting(settings, name, value)) << name;
  }
  EXPECT_EQ(request.temperature, 0.5);
  EXPECT_EQ(request.stop.size(), 2u);
  EXPECT_EQ(request.thinking, api::Thinking::kOff);
  EXPECT_EQ(display.thought, ShowThought::kFull);
  const Json json = settings_json(settings);
  EXPECT_EQ(json.dump(), R"({"temp":"0.5","top-k":"4","seed":"7","stop":["END","\n\n"],)"
                         R"("think":"off","think-budget":"100"})");
  api::ChatRequest other;
  EXPECT_TRUE(apply_settings({other, display}, json).empty());
  EXPECT_EQ(other.stop, request.stop);
  EXPECT_EQ(other.seed, request.seed);
  EXPECT_TRUE(change_setting(settings, "temp", "default"));
  EXPECT_FALSE(request.temperature);
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"temp", "hot"},
                                                        {"temp", "-1"},
                                                        {"top-p", "1.5"},
                                                        {"max-tokens", "0"},
                                                        {"think", "x"},
                                                        {"seed", "1x"},
                                                        {"temp", "nan"},
                                                        {"markdown", "yes"},
                                                        {"show-think", ""}}) {
    EXPECT_FALSE(change_setting(settings, name, value)) << name << value;
  }
  EXPECT_THAT(change_setting(settings, "warp", "9").error().message, HasSubstr("known: temp"));
  EXPECT_EQ(apply_settings(settings, {{"temp", 0.25}, {"bad", 1}}).size(), 1u);
  EXPECT_EQ(request.temperature, 0.25);
}

}  // namespace
}  // namespace glmv::terminal
