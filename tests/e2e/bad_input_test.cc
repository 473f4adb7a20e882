#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

constexpr int kMalformed = 2, kNotFound = 3;

TEST_F(Program, UnknownFlagsAndCommands) {
  expect_error(run({"ask", "--nope", "x"}), kMalformed, "--nope");
  expect_error(run({}), kMalformed, "subcommand");
  const Outcome unknown = run({"frobnicate"});
  expect_error(unknown, kMalformed, "frobnicate");
  EXPECT_THAT(unknown.err, HasSubstr("ask"));
}

TEST_F(Program, HelpAndVersion) {
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, testing::StartsWith("glmv "));
  for (const char* command : {"ask", "chat", "train", "eval", "synth", "make-tiny"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_GT(help.out.size(), 200u) << command;
  }
}

struct FlagCase {
  Words flags;
  int exit_code;
  std::string error;
};

TEST_F(Program, BadFlagValues) {
  const FlagCase cases[] = {
      {{"--dtype", "float13"}, kMalformed, "float32"},
      {{"--device", "tpu"}, kMalformed, "cpu"},
      {{"--load-format", "zip"}, kMalformed, "dummy"},
      {{"--temp", "-1"}, kMalformed, "temp"},
      {{"--temp", "nan"}, kMalformed, "temp"},
      {{"--temp", "warm"}, kMalformed, "--temp"},
      {{"--top-p", "1.5"}, kMalformed, "top_p"},
      {{"-n", "0"}, kMalformed, "max_new_tokens"},
      {{"-n", "-5"}, kMalformed, "max"},
      {{"--seed", "-3"}, kMalformed, "seed"},
      {{"--threads", "-1"}, kMalformed, "threads"},
      {{"--draft-tokens", "65"}, kMalformed, "draft_tokens"},
      {{"--cpus", "1-x"}, kMalformed, "0-3,8"},
      {{"--cpus", "0,8000"}, kMalformed, "CPU 8000"},
      {{"--prefill-chunk", "0"}, kMalformed, "prefill"},
      {{"--max-pixels", "-7", "-i", golden_picture("rgb.png")}, kMalformed, "max_pixels"},
      {{"--logprobs", "100000"}, kMalformed, "logprobs"},
      {{"--logit-bias", "x"}, kMalformed, "--logit-bias"},
      {{"--logit-bias", "99999:1"}, kMalformed, "99999"},
      {{"--stop", ""}, kMalformed, "stop"},
      {{"--think", "maybe"}, kMalformed, "--think"},
      {{"--system", "@missing.txt"}, kNotFound, "missing.txt"},
      {{"--fps", "0", "--frame-images", golden_picture("rgb.png")}, kMalformed, "fps"},
      {{"--frame-times", "1", "2", "--frame-images", golden_picture("rgb.png")},
       kMalformed,
       "times"},
  };
  const std::string model = tiny();
  for (const FlagCase& row : cases) {
    SCOPED_TRACE(row.flags[0] + " " + row.flags[1]);
    expect_error(run(join(join({"ask", "-m", model}, row.flags), {"--", "hi"})), row.exit_code,
                 row.error);
  }
}

TEST_F(Program, NothingToAsk) { expect_error(ask({}), kMalformed, "QUESTION"); }

TEST_F(Program, InvalidUtf8) {
  expect_error(ask({"--", "bad \xff\xfe text"}), kMalformed, "UTF-8 at byte 4");
  expect_error(ask({}, with_input("\xc3\x28")), kMalformed, "UTF-8");
}

TEST_F(Program, BadPictures) {
  const std::string png = read(golden_picture("rgb.png"));
  const std::string jpg = read(golden_picture("rgb_420.jpg"));
  struct Case {
    std::string name, content;
    int exit_code;
    std::string error;
  };
  const Case cases[] = {
      {"text.png", "hello, not a picture", kMalformed, "not a picture"},
      {"empty.png", "", kMalformed, "empty.png"},
      {"cut.png", png.substr(0, png.size() / 2), kMalformed, "cut.png"},
      {"cut.jpg", jpg.substr(0, jpg.size() / 2), kMalformed, "cut.jpg"},
      {"cut.bmp", bmp(50, 50, 10), kMalformed, "truncated"},
      {"thin.bmp", bmp(1, 65535), kMalformed, "1 x 65535"},
      {"huge.bmp", bmp(10000, 10000, 1), kMalformed, "10000 x 10000"},
      {"zero.bmp", bmp(0, 0), kMalformed, "zero.bmp"},
      {"page.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", kMalformed, "page.svg"},
  };
  for (const Case& row : cases) {
    SCOPED_TRACE(row.name);
    expect_error(ask({"-i", file(row.name, row.content), "--", "hi"}), row.exit_code, row.error);
  }
  expect_error(ask({"-i", path("missing.png"), "--", "hi"}), kNotFound, "missing.png");
  expect_error(ask({"-i", folder_.string(), "--", "hi"}), kMalformed, "regular file");
}

TEST_F(Program, OnePixelIsAPicture) {
  const Outcome reply =
      ask({"--temp", "0", "-n", "2", "-i", file("dot.bmp", bmp(1, 1)), "--", "hi"});
  ASSERT_EQ(reply.exit_code, 0) << reply.err;
  EXPECT_EQ(reply.json()["image_sizes"], (Json{{1, 1}}));
}

TEST_F(Program, BoxesNeedAWritableFile) {
  const Outcome outcome = ask({"-n", "2", "-i", golden_picture("rgb.png"), "--save-boxes",
                               path("no/such/folder.png"), "--", "hi"});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("no/such"));
}

}  // namespace
}  // namespace glmv::e2e
