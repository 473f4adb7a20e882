#include "glmv/media/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/media/base64.h"
#include "glmv/media/exif.h"

namespace glmv::media {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kPng = std::string(GLMV_SOURCE_DIR) + "/tests/golden/media/rgb.png";

TEST(Base64, KnownValues) {
  const std::pair<std::string, std::string> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text).value(), bytes);
  }
  EXPECT_EQ(decode_base64("Zm9v\r\n Zg").value(), "foof");
  EXPECT_EQ(decode_base64("-_8=").value(), decode_base64("+/8=").value());
}

TEST(Base64, Malformed) {
  for (const char* text :
       {"Z", "Zm9vZ", "Zg=", "Zm9v=", "Zg==Zg==", "Zm9*", "Zg===", "=", "\xff"}) {
    const auto decoded = decode_base64(text);
    EXPECT_FALSE(decoded) << text;
  }
  EXPECT_THAT(decode_base64("Zm9*").error().message, HasSubstr("position 3"));
}

TEST(Exif, OrientationInBothByteOrders) {
  const std::string little("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  const std::string big("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0", 26);
  EXPECT_EQ(exif_orientation(little), 6);
  EXPECT_EQ(exif_orientation(big), 8);
  EXPECT_EQ(exif_orientation(std::string("Exif\0\0", 6) + big), 8);
  for (size_t size = 0; size < little.size(); ++size) {
    const int orientation = exif_orientation(little.substr(0, size));
    EXPECT_TRUE(orientation == 1 || orientation == 6) << size;
  }
  std::string wrong = little;
  wrong[18] = 9;
  EXPECT_EQ(exif_orientation(wrong), 1);
  wrong = little;
  wrong.replace(4, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(exif_orientation(wrong), 1);
  EXPECT_EQ(exif_orientation(""), 1);
}

TEST(Source, PathFileUrlAndDataUrlGiveTheSameBytes) {
  const std::string expected = read_file(kPng).value();
  EXPECT_EQ(load_source(kPng)->bytes, expected);
  EXPECT_EQ(load_source("file://" + kPng)->bytes, expected);
  EXPECT_EQ(load_source("file://localhost" + kPng)->bytes, expected);
  std::string escaped = kPng;
  escaped.replace(escaped.rfind('.'), 1, "%2e");
  EXPECT_EQ(load_source("file://" + escaped)->bytes, expected);
  const std::string base64 = encode_base64(expected);
  EXPECT_EQ(load_source("data:image/png;base64," + base64)->bytes, expected);
  EXPECT_EQ(load_source("DATA:image/png;base64," + base64)->bytes, expected);
  std::string percent = base64;
  for (size_t i = 0; (i = percent.find('+', i)) != percent.npos;) percent.replace(i, 1, "%2B");
  EXPECT_EQ(load_source("data:image/png;base64," + percent)->bytes, expected);
  EXPECT_EQ(load_image("data:;base64," + base64)->image.data, load_image(kPng)->image.data);
}

TEST(Source, ErrorsSayWhatAndWhere) {
  const std::tuple<std::string, Code, const char*> cases[] = {
      {"/no/such/picture.png", Code::kNotFound, "/no/such/picture.png"},
      {"file:///no/such.png", Code::kNotFound, "/no/such.png"},
      {"/tmp", Code::kInvalidArgument, "not a regular file"},
      {"", Code::kInvalidArgument, "empty"},
      {std::string("a\0b", 3), Code::kInvalidArgument, "NUL"},
      {"file://host/x.png", Code::kInvalidArgument, "file:///absolute/path"},
      {"file:///%zz", Code::kInvalidArgument, "escape"},
      {"https://example.org/a.png", Code::kUnsupported, "nothing is downloaded"},
      {"HTTP://example.org/a.png", Code::kUnsupported, "nothing is downloaded"},
      {"ftp://example.org/a.png", Code::kUnsupported, "scheme"},
      {"data:image/png;base64", Code::kInvalidArgument, "comma"},
      {"data:image/png,abc", Code::kUnsupported, "base64"},
      {"data:image/png;base64,????", Code::kInvalidArgument, "position 0"}};
  for (const auto& [source, code, text] : cases) {
    const auto loaded = load_source(source);
    ASSERT_FALSE(loaded) << source;
    EXPECT_EQ(loaded.error().code, code) << loaded.error().message;
    EXPECT_THAT(loaded.error().message, HasSubstr(text));
  }
}

TEST(Source, LimitsHoldForFilesAndUrls) {
  SourceOptions small;
  small.max_bytes = 100;
  EXPECT_EQ(load_source(kPng, small).error().code, Code::kResourceExhausted);
  const std::string huge = "data:image/png;base64," + std::string(10'000'000, 'A');
  const auto loaded = load_source(huge, small);
  EXPECT_EQ(loaded.error().code, Code::kResourceExhausted);
  EXPECT_LT(loaded.error().message.size(), 200u);
  const std::string exact = "data:;base64," + encode_base64(std::string(100, 'x'));
  EXPECT_EQ(load_source(exact, small)->bytes.size(), 100u);
  const std::string over = "data:;base64," + encode_base64(std::string(101, 'x'));
  EXPECT_EQ(load_source(over, small).error().code, Code::kResourceExhausted);
  const std::string escaped = "data:;base64," + std::string(100'000, 'A') + "%41%41";
  EXPECT_EQ(load_source(escaped, small).error().code, Code::kResourceExhausted);
}

TEST(Source, FilesCanBeForbidden) {
  SourceOptions options;
  options.allow_files = false;
  EXPECT_EQ(load_source(kPng, options).error().code, Code::kUnsupported);
  EXPECT_EQ(load_source("file://" + kPng, options).error().code, Code::kUnsupported);
  EXPECT_TRUE(load_source("data:;base64,Zm9v", options));
}

TEST(Source, PipesAreNotRead) {
  const std::string path = testing::TempDir() + "glmv_source_test_pipe";
  ::unlink(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(load_source(path).error().code, Code::kInvalidArgument);
  ::unlink(path.c_str());
}

TEST(Source, NamesInErrorsAreShortAndPrintable) {
  const auto loaded = load_source("/no/" + std::string(5000, 'x') + "\n\xff");
  ASSERT_FALSE(loaded);
  EXPECT_LT(loaded.error().message.size(), 400u);
  EXPECT_THAT(loaded.error().message, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace glmv::media
