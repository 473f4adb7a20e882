#include "glmv/terminal/attachment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "glmv/base/files.h"
#include "glmv/terminal/path_finder.h"
#include "glmv/terminal/pictures_for_test.h"
#include "glmv/terminal/temp_folder_for_test.h"

namespace glmv::terminal {
namespace {

using testing::HasSubstr;
using Lines = std::vector<std::string>;

TEST(Kinds, ByEnding) {
  EXPECT_EQ(kind_of_file("a/b.JPEG"), MediaKind::kImage);
  EXPECT_EQ(kind_of_file("x.mkv"), MediaKind::kVideo);
  EXPECT_EQ(kind_of_file("x.pdf"), MediaKind::kPdf);
  EXPECT_EQ(kind_of_file("x.odp"), MediaKind::kSlides);
  for (const char* other : {"x.txt", "png", ".d/x", "x.", "a.png/b", "", "x. png"}) {
    EXPECT_FALSE(kind_of_file(other)) << other;
  }
  for (const auto kind : {MediaKind::kImage, MediaKind::kSlides, MediaKind::kText}) {
    EXPECT_EQ(kind_by_name(kind_name(kind)), kind);
  }
}

TEST(Attach, PicturesAreLookedAt) {
  const TempFolder folder;
  const std::string path = folder.path() / "a b\nc.png";  // a newline in its name
  write_picture(path);
  const MediaReader reader;
  const auto item = reader.attach(MediaKind::kImage, path);
  ASSERT_TRUE(item) << item.error().message;
  EXPECT_EQ(item->about, "40 x 30, PNG");
  EXPECT_EQ(item->part.source, path);
  EXPECT_EQ(item->sha256.size(), 64u);
  const auto bytes = read_file(path);
  const auto pasted = reader.attach_bytes(MediaKind::kImage, *bytes, "the clipboard");
  ASSERT_TRUE(pasted);
  EXPECT_EQ(pasted->sha256, item->sha256);
  EXPECT_TRUE(pasted->path.starts_with("data:image/png;base64,"));
}

TEST(Attach, WhatCannotBeReadIsSaid) {
  const TempFolder folder;
  const auto at = [&](const char* name) { return (folder.path() / name).string(); };
  write_text(at("empty.png"), "");
  write_text(at("text.png"), "no picture");
  write_picture(at("cut.png"));
  write_text(at("cut.png"), read_file(at("cut.png"))->substr(0, 60));
  write_text(at("binary.txt"), std::string_view("a\0b", 3));
  write_text(at("latin.txt"), "caf\xe9");
  ::mkfifo(at("pipe.png").c_str(), 0600);
  const MediaReader reader;
  const auto message = [&](MediaKind kind, const std::string& path) {
    const auto item = reader.attach(kind, path);
    return item ? "attached" : item.error().message;
  };
  EXPECT_THAT(message(MediaKind::kImage, at("none.png")), HasSubstr("no such file"));
  EXPECT_THAT(message(MediaKind::kImage, at("empty.png")), HasSubstr("is empty (0 bytes)"));
  EXPECT_THAT(message(MediaKind::kImage, at("text.png")), HasSubstr("text.png"));
  EXPECT_THAT(message(MediaKind::kImage, at("cut.png")), HasSubstr("cut.png"));
  EXPECT_THAT(message(MediaKind::kImage, at("pipe.png")), HasSubstr("no regular file"));
  EXPECT_THAT(message(MediaKind::kImage, folder.path()), HasSubstr("is a folder"));
  EXPECT_THAT(message(MediaKind::kText, at("binary.txt")), HasSubstr("zero byte"));
  EXPECT_THAT(message(MediaKind::kText, at("latin.txt")), HasSubstr("no UTF-8 text (byte 3)"));
  EXPECT_THAT(message(MediaKind::kPdf, at("text.png")), HasSubstr("cannot be read here"));
}

TEST(Attach, VideosWithTheirPart) {
  const TempFolder folder;
  const std::string path = folder.path() / "v.mp4";
  write_text(path, "not looked at here");
  MediaReader reader{.defaults = {.fps = 2, .max_frames = 8, .clip = "1-2"}};
  reader.look_at_video = [](const text::ContentPart& part, const Wanted&) -> Result<std::string> {
    if (part.begin_s > 100) return invalid_argument("behind its end");
    return "12.0 s";
  };
  const auto item = reader.attach(MediaKind::kVideo, path, "0:30-1:02:03.5");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->part.begin_s, 30);
  EXPECT_EQ(item->part.end_s, 3723.5);
  EXPECT_EQ(item->part.fps, 2);
  EXPECT_EQ(item->about, "12.0 s");
  EXPECT_EQ(reader.attach(MediaKind::kVideo, path)->part.end_s, 2);
  EXPECT_FALSE(reader.attach(MediaKind::kVideo, path, "5-3"));
  EXPECT_FALSE(reader.attach(MediaKind::kVideo, path, "soon"));
  EXPECT_THAT(reader.attach(MediaKind::kVideo, path, "200-").error().message,
              HasSubstr("v.mp4: behind its end"));
}

TEST(Attach, TextsStandInAFenceThatTheyCannotClose) {
  const TempFolder folder;
  const std::string path = folder.path() / "x.md";
  write_text(path, "a\n````\nb");
  const auto item = MediaReader().attach(MediaKind::kText, path);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->part.text, "x.md:\n`````md\na\n````\nb\n`````\n");
}

FoundPaths found(std::string_view message) {
  return find_paths(message, [](const std::string& path) { return path.find("no") == path.npos; });
}

TEST(FindPaths, AsTerminalsWriteThem) {
  const auto expect = [](std::string_view message, const std::string& text, const Lines& paths) {
    const FoundPaths result = found(message);
    EXPECT_EQ(result.text, text) << message;
    EXPECT_EQ(result.paths, paths) << message;
  };
  expect("/a/b.png what is it?", "what is it?", {"/a/b.png"});
  expect("what is ./b.jpg and ../c.mp4 ?", "what is and ?", {"./b.jpg", "../c.mp4"});
  expect("'/a/with blank.png' '~/x.gif'", "", {"/a/with blank.png", "~/x.gif"});
  expect("\"rel.png\" here", "here", {"rel.png"});
  expect("/a/with\\ blank\\'s.png hi", "hi", {"/a/with blank's.png"});
  expect("look at /a/b.png, please", "look at , please", {"/a/b.png"});
  expect("file:///a/b.webp", "", {"file:///a/b.webp"});
  expect("file:///a/my%20b.webp\nfile:///a/c.png hi", "hi",
         {"file:///a/my%20b.webp", "file:///a/c.png"});
  // No paths: no such file, another ending, inside a word, not rooted.
  for (const std::string same : {"/no/b.png is gone", "see /a/b.txt", "x/a/b.png", "b.png",
                                 "don't 'quote.png", "a  b\n  c", "https://x.y/a.png"}) {
    expect(same, same, {});
  }
}

TEST(FindPaths, TenMegabytes) {
  std::string text;
  while (text.size() < (10u << 20)) text += "words 'with \"quotes and /paths/to/no.png\n";
  EXPECT_EQ(found(text).text, text);
}

TEST(Words, QuotesAndBackslashes) {
  EXPECT_EQ(split_words(" a 'b c' \"d\" e\\ f "), (Lines{"a", "b c", "d", "e f"}));
  EXPECT_EQ(split_words(escaped_path("a b'c\"d\\e")), (Lines{"a b'c\"d\\e"}));
  EXPECT_TRUE(split_words("  ").empty());
}

TEST(Home, IsShownAsATilde) {
  ::setenv("HOME", "/home/u", 1);
  EXPECT_EQ(expand_home("~/a"), "/home/u/a");
  EXPECT_EQ(expand_home("~x/a"), "~x/a");
  EXPECT_EQ(expand_home("file:///a/my%20pic%C3%A9.png"), "/a/my pic\xc3\xa9.png");
  EXPECT_EQ(expand_home("file://localhost/a%2525.png"), "/a%25.png");
  EXPECT_EQ(expand_home("file:///a/100%.png"), "/a/100%.png");  // no URL, but a name that is there
  EXPECT_EQ(with_tilde("/home/u/a"), "~/a");
  EXPECT_EQ(with_tilde("/home/user/a"), "/home/user/a");
}

}  // namespace
}  // namespace glmv::terminal
