#include "glmv/server/multipart.h"

#include <gtest/gtest.h>

#include "glmv/base/random.h"

namespace glmv::server {
namespace {

constexpr char kType[] = "multipart/form-data; boundary=XX";

std::string part(std::string_view disposition, std::string_view contents) {
  return fmt::format(
      "--XX\r\nContent-Disposition: form-data; {}\r\nContent-Type: a/b\r\n\r\n{}\r\n", disposition,
      contents);
}

std::string name_of(std::string_view disposition) {
  const std::string body = part(disposition, "x") + "--XX--\r\n";
  const auto file = multipart_file(kType, body, "file");
  return file ? file->name : "error: " + file.error().message;
}

TEST(Multipart, FindsThePart) {
  const std::string contents = "a\r\n--X\r\nb\r\n\r\n--",
                    body = part("name=\"note\"", "hello") +
                           part("name=\"file\"; filename=\"a.png\"", contents) + "--XX--\r\n";
  for (const std::string& whole : {body, "preamble\r\n" + body}) {
    const auto file = multipart_file(kType, whole, "file");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->contents, contents);
    EXPECT_EQ(file->name, "a.png");
  }
  EXPECT_EQ(
      multipart_file("Multipart/Form-Data; charset=x; Boundary=\"XX\"", body, "note")->contents,
      "hello");
  const std::string empty = part("name=\"file\"; filename=\"e\"", "") + "--XX--";
  EXPECT_EQ(multipart_file(kType, empty, "file")->contents, "");
}

TEST(Multipart, NamesAreLabels) {
  EXPECT_EQ(name_of("name=\"file\"; filename=\"a b.png\""), "a b.png");
  EXPECT_EQ(name_of("name=file; filename=a.png"), "a.png");
  EXPECT_EQ(name_of("name=\"file\"; filename=\"../../etc/passwd\""), "passwd");
  EXPECT_EQ(name_of("name=\"file\"; filename=\"C:\\x\\y.png\""), "y.png");
  EXPECT_EQ(name_of("name=\"file\"; filename=\"a\nb\x01.png\""), "a b .png");
  EXPECT_EQ(name_of("name=\"file\"; filename=\"x.png\"; filename*=UTF-8''%E4%BD%A0.png"),
            "\xE4\xBD\xA0.png");
  EXPECT_EQ(name_of("name=\"file\"; filename=\"say \\\"hi\\\".png\""), "say \"hi\".png");
  EXPECT_EQ(name_of("name=\"file\""), "file");
  EXPECT_EQ(name_of("name=\"file\"; filename=\"" + std::string(5000, 'n') + "\"").size(), 200u);
}

TEST(Multipart, WhatIsWrong) {
  EXPECT_EQ(multipart_file("application/json", "{}", "file").error().status, 415);
  EXPECT_EQ(multipart_file("multipart/form-data", "", "file").error().status, 400);
  EXPECT_EQ(multipart_file("multipart/form-data; boundary=", "--", "file").error().status, 400);
  const std::string body = part("name=\"file\"; filename=\"a\"", "x");
  EXPECT_EQ(multipart_file(kType, body.substr(0, body.size() - 1), "file").error().status, 400);
  EXPECT_EQ(multipart_file(kType, body + "--XX--", "other").error().status, 400);
  EXPECT_EQ(multipart_file(kType, "", "file").error().status, 400);
  EXPECT_EQ(multipart_file(kType, "--XX", "file").error().status, 400);
  EXPECT_EQ(multipart_file(kType, "--XX\r\n\r\n", "file").error().status, 400);
}

TEST(Multipart, AnyBytes) {
  Random random(4);
  const std::string pieces[] = {"--XX",        "\r\n", "\r\n\r\n", "Content-Disposition: form-data",
                                "; name=file", "\"",   "=",        "filename*=utf-8''%",
                                "\\",          "--"};
  for (int i = 0; i < 20'000; ++i) {
    std::string body, type = random.below(2) == 0 ? kType : "multipart/form-data";
    for (uint64_t n = random.below(12); n > 0; --n) body += pieces[random.below(std::size(pieces))];
    for (uint64_t n = random.below(5); n > 0; --n) type += pieces[random.below(std::size(pieces))];
    const auto file = multipart_file(type, body, "file");
    if (file) {
      EXPECT_LE(file->contents.size(), body.size());
    }
  }
}

}  // namespace
}  // namespace glmv::server
