#include "glmv/processing/golden_lines.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "glmv/base/files.h"

namespace glmv::processing {

std::vector<Json> golden_lines(const std::string& name) {
  const std::string path = std::string(GLMV_SOURCE_DIR) + "/tests/golden/processing/" + name;
  const auto text = read_file(path);
  if (!text) throw std::runtime_error(text.error().message);
  std::vector<Json> rows;
  for (size_t begin = 0; begin < text->size();) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    auto row = parse_json(std::string_view(*text).substr(begin, end - begin), path);
    if (!row) throw std::runtime_error(row.error().message);
    rows.push_back(std::move(*row));
    begin = end + 1;
  }
  return rows;
}

TEST(GoldenLines, MissingFilesAreNoticed) {
  EXPECT_THROW(golden_lines("no.jsonl"), std::runtime_error);
}

}  // namespace glmv::processing
