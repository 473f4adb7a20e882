#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "glmv/terminal/completion.h"
#include "glmv/terminal/edit_buffer.h"
#include "glmv/terminal/edit_view.h"
#include "glmv/terminal/line_history.h"
#include "glmv/terminal/temp_folder_for_test.h"
#include "glmv/terminal/virtual_screen_for_test.h"

namespace glmv::terminal {
namespace {

using Lines = std::vector<std::string>;

TEST(EditBuffer, MovesAndDeletesByWhatAReaderSees) {
  EditBuffer b;
  b.insert("ae\u0301\u4f60");
  b.left();
  b.left();
  EXPECT_EQ(b.cursor(), 1u);
  b.delete_after();
  EXPECT_EQ(b.text(), "a\u4f60");
  b.right();
  b.delete_before();
  EXPECT_EQ(b.text(), "a");
}

TEST(EditBuffer, WordsAndLines) {
  EditBuffer b;
  b.set("one two.three\nfour five");
  b.word_left();
  EXPECT_EQ(b.cursor(), 19u);
  b.delete_word_before();
  EXPECT_EQ(b.text(), "one two.three\nfive");
  EXPECT_TRUE(b.line_up());
  EXPECT_EQ(b.cursor(), 0u);
  EXPECT_FALSE(b.line_up());
  b.line_end();
  EXPECT_EQ(b.cursor(), 13u);
  b.delete_to_line_begin();
  EXPECT_EQ(b.text(), "\nfive");
  b.yank();
  EXPECT_EQ(b.text(), "one two.three\nfive");
  b.delete_to_line_end();
  EXPECT_EQ(b.text(), "one two.threefive");
  b.set("ab");
  b.transpose();
  EXPECT_EQ(b.text(), "ba");
}

TEST(EditLayout, PromptsWrapsAndCursor) {
  const EditLayout layout = layout_text("hello\nyou", 7, ">>> ", "... ", 20, 10);
  EXPECT_EQ(layout.rows, (Lines{">>> hello", "... you"}));
  EXPECT_EQ(layout.cursor_row, 1u);
  EXPECT_EQ(layout.cursor_column, 5);
  // Wide characters do not hang over the edge.
  const EditLayout wide = layout_text("\u4f60\u597d\u4f60", 9, ">>> ", "... ", 9, 10);
  EXPECT_EQ(wide.rows, (Lines{">>> \u4f60\u597d", "\u4f60"}));
  EXPECT_EQ(wide.cursor_column, 2);
  // The cursor behind a full row stands in the next one.
  const EditLayout full = layout_text("abcdef", 6, ">>> ", "... ", 10, 10);
  EXPECT_EQ(full.rows, (Lines{">>> abcdef", ""}));
  EXPECT_EQ(full.cursor_row, 1u);
}

TEST(EditLayout, OfALongTextOnlyAWindow) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "line " + std::to_string(i) + "\n";
  const EditLayout layout = layout_text(text, text.size(), ">>> ", "... ", 40, 10);
  EXPECT_EQ(layout.rows.size(), 10u);
  EXPECT_EQ(layout.rows[8], "... line 99999");
  EXPECT_EQ(layout.cursor_row, 9u);
}

TEST(EditView, TheCursorStandsWhereTheTextIsEdited) {
  VirtualScreen screen(20, 8);
  EditView view(screen);
  const std::string text = "first\nsecond\nthird";
  view.draw(layout_text(text, 2, ">>> ", "... ", 20, 7));
  EXPECT_EQ(screen.cursor_row(), 0u);
  EXPECT_EQ(screen.cursor_column(), 6);
  view.draw(layout_text(text, 12, ">>> ", "... ", 20, 7));
  EXPECT_EQ(screen.cursor_row(), 1u);
  EXPECT_EQ(screen.cursor_column(), 10);
  EXPECT_EQ(screen.lines(), (Lines{">>> first", "... second", "... third"}));
  view.draw(layout_text("x", 1, ">>> ", "... ", 20, 7));
  EXPECT_EQ(screen.lines(), (Lines{">>> x"}));
  view.close();
  EXPECT_EQ(screen.cursor_row(), 1u);
}

TEST(LineHistory, IsPrivateAndKeepsSeveralLines) {
  const TempFolder folder;
  const auto file = folder.path() / "state/history";
  {
    LineHistory history;
    ASSERT_TRUE(history.open(file));
    EXPECT_TRUE(history.add("one\ntwo \\n"));
    EXPECT_TRUE(history.add("one\ntwo \\n"));
    EXPECT_TRUE(history.add("\u4f60"));
    EXPECT_TRUE(history.add(std::string(100'000, 'x')));
  }
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(file.parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  // Rights that were too wide are taken back.
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  LineHistory history;
  ASSERT_TRUE(history.open(file));
  EXPECT_EQ(history.entries(), (Lines{"one\ntwo \\n", "\u4f60"}));
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(LineHistory, AnUnwritableHomeIsSaidOnce) {
  LineHistory history;
  EXPECT_FALSE(history.open("/proc/glmv/history"));
  EXPECT_TRUE(history.add("kept in memory"));
  EXPECT_EQ(history.entries().size(), 1u);
}

TEST(LineHistory, ALongFileIsCut) {
  const TempFolder folder;
  const auto file = folder.path() / "history";
  {
    std::ofstream out(file);
    for (int i = 0; i < 5000; ++i) out << "entry " << i << "\n";
  }
  LineHistory history;
  ASSERT_TRUE(history.open(file));
  EXPECT_EQ(history.entries().size(), 1000u);
  EXPECT_EQ(history.entries().back(), "entry 4999");
  EXPECT_LT(std::filesystem::file_size(file), 20'000u);
}

Lines completed(const std::string& text) {
  Lines out;
  for (const Candidate& c : complete_message(text, text.size()).candidates) out.push_back(c.text);
  return out;
}

TEST(Completion, CommandsValuesAndPaths) {
  const TempFolder folder;
  std::ofstream(folder.path() / "cat one.png") << "x";
  std::ofstream(folder.path() / ".hidden") << "x";
  std::filesystem::create_directory(folder.path() / "cats");
  EXPECT_EQ(completed("/im"), (Lines{"/image"}));
  EXPECT_EQ(completed("/e"), (Lines{"/edit", "/export", "/exit"}));
  EXPECT_EQ(completed("/think o"), (Lines{"on", "off"}));
  EXPECT_EQ(completed("/set top"), (Lines{"top-p", "top-k"}));
  const std::string path = folder.path().string();
  EXPECT_EQ(completed("/image " + path + "/ca"), (Lines{path + "/cat\\ one.png", path + "/cats/"}));
  EXPECT_EQ(completed("/image " + path + "/cat\\ o"), (Lines{path + "/cat\\ one.png"}));
  EXPECT_EQ(completed("look at " + path + "/cats"), (Lines{path + "/cats/"}));
  EXPECT_EQ(completed(path + "/cats"), (Lines{path + "/cats/"}));
  EXPECT_TRUE(completed("hello ").empty());
  ::setenv("HOME", path.c_str(), 1);
  EXPECT_EQ(completed("/image ~/cats"), (Lines{"~/cats/"}));
}

}  // namespace
}  // namespace glmv::terminal
