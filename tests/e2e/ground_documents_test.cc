// glmv ground on pages of documents, and names of files that are odd.

#include <algorithm>
#include <filesystem>

#include "glmv/media/decode.h"
#include "glmv/media/files_for_test.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/scripted_model.h"

namespace glmv::e2e {
namespace {

namespace fs = std::filesystem;

const std::string kPdf = std::string(GLMV_SOURCE_DIR) + "/tests/golden/documents/three_pages.pdf";
const std::string kVideo = std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/cfr25.mp4";
const std::string kShapes = std::string(GLMV_SOURCE_DIR) + "/examples/pictures/shapes.png";

media::Image decoded(const std::string& path) {
  auto image = media::decode_image(read(path), path);
  EXPECT_TRUE(image) << path;
  return image ? std::move(image->image) : media::Image{};
}

class GroundDocuments : public Program {};

TEST_F(GroundDocuments, CropsOfPagesCarryWhereTheyWere) {
  const Outcome done = run({"ground", "--doc", kPdf, "--pages", "1,3", "--dpi", "72", "--from",
                            "figure: [[0,0,500,1000]]", "-o", path("drawn"), "--json", path("json"),
                            "--crop", path("crops"), "--pad", "0", "--coco", path("coco.json")});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  // The third page is 600 x 300 points as it is shown.
  const media::Image page = decoded(path("drawn/three_pages-p03.png"));
  EXPECT_EQ(page.width, 600);
  EXPECT_EQ(page.height, 300);
  EXPECT_TRUE(fs::exists(path("drawn/three_pages-p01.png")));
  EXPECT_FALSE(fs::exists(path("drawn/three_pages-p02.png")));
  const Json json = Json::parse(read(path("json/three_pages-p03.json")));
  EXPECT_EQ(json["page"], 3);
  EXPECT_EQ(json["image"], kPdf + "#page=3");
  EXPECT_EQ(json["boxes"][0]["px"], (Json{0, 0, 300, 300}));
  const std::string crop = read(path("crops/three_pages-p03-01-figure.png"));
  EXPECT_EQ(decoded(path("crops/three_pages-p03-01-figure.png")).width, 300);
  for (const char* text : {"glmv-ground", R"("crop":{"box":[0,0,500,1000],"px":[0,0,300,300]})",
                           R"("page":3)", R"("raw_text":"figure: [[0,0,500,1000]]")"}) {
    EXPECT_THAT(crop, HasSubstr(text));
  }
  const Json coco = Json::parse(read(path("coco.json")));
  ASSERT_EQ(coco["images"].size(), 2u);
  const std::string name = coco["images"][1]["file_name"];
  EXPECT_TRUE(name.ends_with("three_pages.pdf#page=3")) << name;
  EXPECT_TRUE(fs::exists(folder_ / name.substr(0, name.rfind('#'))));
}

TEST_F(GroundDocuments, EachPageIsAskedAndResumed) {
  ScriptedModel model([](int number, const Json&) {
    return "[[" + std::to_string(100 * (number + 1)) + ",200,900,400]]";
  });
  const Words words = {"ground",    "-d",         kPdf,
                       "-q",        "the title",  "-m",
                       model.url(), "--jsonl",    path("lines.jsonl"),
                       "--crop",    path("crops")};
  const Outcome first = run(words);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("3 answered"));
  EXPECT_EQ(model.num_questions(), 3);
  const std::string lines = read(path("lines.jsonl"));
  EXPECT_THAT(lines, HasSubstr("\"page\":2"));
  EXPECT_TRUE(fs::exists(path("crops/three_pages-p02-01.png")) ||
              fs::exists(path("crops/three_pages-p02-01-1.png")));
  EXPECT_THAT(run(words).err, HasSubstr("3 from before"));
  EXPECT_EQ(model.num_questions(), 3);
}

TEST_F(GroundDocuments, OfAnEmbeddedModelAndTheLastOfManyPages) {
  const Outcome one = run({"ground", "-d", kPdf, "--pages", "2", "-q", "the red circle", "-m",
                           "nano", "--temp", "0", "-n", "16", "--json", "-"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(one.json()["page"], 2);
  const std::string book = file("book.pdf", media::pdf_for_test(10'000));
  const Outcome last = run({"ground", "-d", book, "--pages", "10000", "--dpi", "36", "--from",
                            "[[0,0,500,500]]", "-o", path("last.png")});
  ASSERT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(decoded(path("last.png")).width, 298);
}

TEST_F(GroundDocuments, BadInput) {
  const auto fails = [&](const Words& words, int code, const std::string& text) {
    expect_error(run(join({"ground", "--from", "[[1,2,3,4]]"}, words)), code, text);
  };
  fails({"-d", kPdf, "--pages", "2-9"}, 2, "no page 9");
  fails({"-d", kPdf, "--pages", "first"}, 2, "--pages");
  fails({"-d", kPdf, "--dpi", "9999"}, 2, "--dpi");
  fails({"-d", path("none.pdf")}, 3, "document " + path("none.pdf"));
  fails({"-d", file("notes.txt", "just text")}, 4, "notes.txt: text has no pages");
  fails({"-d", file("bad.pdf", "%PDF-1.4\n")}, 2, "bad.pdf");
  fails({kPdf}, 2, "--doc");  // a document among the pictures
}

TEST_F(GroundDocuments, NamesWithLineEndsStayOneName) {
  const std::string odd = "two\nlines \"quoted\".png";
  fs::copy_file(kShapes, folder_ / odd);
  const Outcome done =
      run({"ground", path(odd), "--from", "a: [[1,2,300,400]]", "--json", "-", "-o",
           path("out\n.png"), "--crop", path("c\nd"), "--labelme", path("l.json")});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(done.json()["image"], path(odd));
  EXPECT_TRUE(fs::exists(path("out\n.png")));
  EXPECT_EQ(Json::parse(read(path("l.json")))["imagePath"], odd);
  ScriptedModel model([](int, const Json&) { return "[[1,2,300,400]]"; });
  const Words batch = {"ground", path(odd),   "-q",      "a",
                       "-m",     model.url(), "--jsonl", path("a.jsonl")};
  EXPECT_EQ(run(batch).exit_code, 0);
  const std::string lines = read(path("a.jsonl"));
  EXPECT_EQ(std::ranges::count(lines, '\n'), 1);
  EXPECT_THAT(run(batch).err, HasSubstr("1 from before"));
  const std::string film = path("fi\nlm.mp4");
  fs::copy_file(kVideo, film);
  const Outcome video =
      run({"video", film, "-m", "nano", "--json", "-", "--sheet", path("s\n.png")});
  ASSERT_EQ(video.exit_code, 0) << video.err;
  EXPECT_EQ(video.json()["video"], film);
  EXPECT_TRUE(fs::exists(path("s\n.png")));
  const std::string answer = R"({"0":[{"label":"a\nb","bbox_2d":[1,2,300,400]}]})";
  EXPECT_EQ(run({"video", film, "-m", "nano", "--track", "it", "--from", answer, "-o",
                 path("o\n.mp4"), "--codec", "mpeg4"})
                .exit_code,
            0);
  EXPECT_TRUE(fs::exists(path("o\n.mp4")));
  // An error is one line, whatever it names.
  for (const Words& words :
       {Words{"ground", path("no\nne.png"), "--from", "x"}, Words{"video", path("no\nne.mp4")},
        Words{"video", film, "-m", "nano", "--clip", "9:00-"},
        Words{"ground", "-d", path("no\nne.pdf"), "--from", "x"}}) {
    const Outcome outcome = run(words);
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

}  // namespace
}  // namespace glmv::e2e
