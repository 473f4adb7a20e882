#pragma once
// Folders, tiny checkpoints and pictures for the cases.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/e2e/program.h"

namespace glmv::e2e {

using Words = std::vector<std::string>;
using testing::HasSubstr;

// a + b
Words join(Words a, const Words& b);

std::string read(const std::filesystem::path& path);
void write(const std::filesystem::path& path, const std::string& content);

// A 24-bit BMP whose header says width x height; `num_rows` rows of pixels follow (-1: all).
std::string bmp(int width, int height, int num_rows = -1);
// A picture of tests/golden/media.
std::string golden_picture(const std::string& name);

// A case with a folder of its own, removed afterwards.
class Program : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A file of the case's folder, written.
  std::string file(const std::string& name, const std::string& content) const;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // The case's own copy of a tiny checkpoint, there after the first call.
  std::string tiny(const std::string& family = "glm4v") const;
  // The same of nano's shape, whose replies take a while, and the flags with which no special token
  // ends them: for cases that break a reply off.
  std::string slow() const;
  static Words without_end(const std::string& model);
  // `ask --json`, greedy in fp32, of tiny(); `more` goes last.
  Outcome ask(const Words& more, const RunOptions& options = {}) const;
  // Expects the exit code, `text` in the error, nothing on standard output and no crash.
  static void expect_error(const Outcome& outcome, int exit_code, const std::string& text);

  std::filesystem::path folder_;
};

}  // namespace glmv::e2e
