// Documents given to glmv ask and glmv serve: odd, broken, hostile, large.

#include <chrono>

#include "glmv/media/base64.h"
#include "glmv/media/files_for_test.h"
#include "tests/e2e/fixtures.h"
#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

const std::string kNano = std::string(GLMV_SOURCE_DIR) + "/models/nano";

std::string golden(const std::string& name) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/documents/" + name;
}

Outcome ask_nano(const Words& more) {
  return run(join({"ask", "-m", kNano, "--json", "--temp", "0", "-n", "4"},
                  join(more, {"--", "What colour is it?"})));
}

TEST_F(Program, AskReadsPagesOfAPdf) {
  const Outcome all = ask_nano({"-d", golden("three_pages.pdf")});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  const Json usage = all.json()["usage"];
  // A page is at most what nano takes of a picture.
  EXPECT_GT(usage["image_tokens"], 60);
  EXPECT_LT(usage["prompt_tokens"], 200);
  const Outcome one = ask_nano({"-d", golden("three_pages.pdf"), "--pages", "2", "--dpi", "72"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_LT(one.json()["usage"]["image_tokens"], usage["image_tokens"]);
  const Outcome cheap = ask_nano({"-d", golden("three_pages.pdf"), "--doc-tokens", "90"});
  ASSERT_EQ(cheap.exit_code, 0) << cheap.err;
  EXPECT_LE(cheap.json()["usage"]["image_tokens"], 60);
}

TEST_F(Program, AskReadsSlidesAndText) {
  const Outcome slides = ask_nano({"-d", golden("slides.pptx"), "--pages", "1"});
  ASSERT_EQ(slides.exit_code, 0) << slides.err;
  const std::string notes = file("two\nlines.md", "# Notes\n```\ncode\n```\n");
  const Outcome text = ask_nano({"-d", notes});
  ASSERT_EQ(text.exit_code, 0) << text.err;
}

TEST_F(Program, AskDrawsBoxesOnPages) {
  const std::string boxes = path("boxes.png");
  const Outcome outcome =
      run({"ask", "-m", kNano, "--json", "--temp", "0", "-n", "4", "-d", golden("three_pages.pdf"),
           "--save-boxes", boxes, "--", "Where is the text?"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(boxes));
}

TEST_F(Program, AskNamesWhatIsWrongWithADocument) {
  const auto error = [&](const Words& more, int code, const std::string& text) {
    expect_error(ask_nano(more), code, text);
  };
  error({"-d", golden("password.pdf")}, 4, "password.pdf: it is encrypted");
  error({"-d", golden("broken.pdf")}, 2, "broken.pdf: no PDF file, or a damaged one");
  error({"-d", "/no/such.pdf"}, 3, "document /no/such.pdf: no such file");
  error({"-d", file("cut\n.pptx", read(golden("slides.pptx")).substr(0, 9000))}, 2, "damaged ZIP");
  error({"-d", golden("three_pages.pdf"), "--pages", "2-9"}, 2, "no page 9");
  error({"-d", golden("three_pages.pdf"), "--pages", "first"}, 2, "--pages");
  error({"-d", golden("three_pages.pdf"), "--dpi", "9999"}, 2, "--dpi");
  error({"-d", file("long.pdf", media::pdf_for_test(10'000))}, 5, "10000 pages are too many");
  error({"-d", file("zeros", std::string(100, '\0'))}, 4, "neither PDF");
  error({"-d", path("")}, 2, "not a regular file");
}

// Half a megabyte that unpacks into more than the limit of 512.
TEST_F(Program, AskDoesNotUnpackBombs) {
  std::vector<media::ZipEntryForTest> entries = {{"ppt/presentation.xml", "<a/>"}};
  for (int i = 0; i < 5; ++i) {
    entries.push_back({.name = "ppt/media/" + std::to_string(i) + ".bmp", .zeros = 110 << 20});
  }
  const std::string bomb = media::zip_for_test(entries);
  EXPECT_LT(bomb.size(), size_t{8} << 20);
  expect_error(ask_nano({"-d", file("bomb.pptx", bomb)}), 5, "unpacks");
}

TEST_F(Program, FortyPagesAreReadyInTime) {
  std::vector<media::PdfPageForTest> pages(40);
  Serving server({"-m", kNano});
  const Json body = {{"messages",
                      {{{"role", "user"},
                        {"content",
                         {{{"type", "file"},
                           {"file",
                            {{"file_data", "data:application/pdf;base64," +
                                               media::encode_base64(media::pdf_for_test(pages))}}}},
                          {{"type", "text"}, {"text", "How many pages?"}}}}}}},
                     {"temperature", 0},
                     {"max_tokens", 2}};
  const auto begin = std::chrono::steady_clock::now();
  net::TestConnection client(server.port());
  const auto answer = client.ask("POST", "/api/tokens", body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
  const auto reply = server.ask(body);
  EXPECT_EQ(reply.status, 200) << reply.body;
}

}  // namespace
}  // namespace glmv::e2e
