#include "glmv/grounding/evaluation.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/grounding/results_file.h"

namespace glmv::grounding {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("glmv-grounding-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, const std::string& text) const {
    EXPECT_TRUE(write_file_atomic(folder_ / name, text));
    return folder_ / name;
  }
  fs::path folder_;
};

TEST(Iou, OfBoxes) {
  EXPECT_NEAR(iou({0, 0, 10, 10}, {0, 0, 10, 10}), 1, 1e-12);
  EXPECT_NEAR(iou({0, 0, 10, 10}, {5, 0, 15, 10}), 50 / 150.0, 1e-12);
  EXPECT_EQ(iou({0, 0, 10, 10}, {20, 0, 30, 10}), 0);
  EXPECT_EQ(iou({5, 5, 5, 5}, {5, 5, 5, 5}), 0);
}

TEST(CountItem, EachBoxIsTakenOnce) {
  EvalCounts counts;
  const std::vector<UnitBox> truth = {{0, 0, 10, 10}, {20, 0, 30, 10}};
  // Two predictions of the first box: one of them is too many.
  count_item(truth, std::vector<UnitBox>{{0, 0, 10, 10}, {0, 0, 10, 9}}, counts);
  EXPECT_EQ(counts.num_found, 1);
  EXPECT_EQ(counts.num_right, 0);
  count_item(truth, truth, counts);
  EXPECT_EQ(counts.num_found, 3);
  EXPECT_EQ(counts.num_right, 1);
  count_item({}, {}, counts);
  EXPECT_EQ(counts.num_right, 2) << "nothing to find, nothing found";
  EXPECT_NEAR(counts.accuracy(), 0.75, 1e-12);
  EXPECT_NEAR(counts.precision(), 0.75, 1e-12);
  EXPECT_NEAR(counts.mean_iou(), 0.75, 1e-12);
}

TEST(CountItem, HalfIsEnough) {
  EvalCounts counts;
  count_item(std::vector<UnitBox>{{0, 0, 10, 10}}, std::vector<UnitBox>{{0, 0, 10, 5}}, counts);
  EXPECT_EQ(counts.num_found, 1);
  count_item(std::vector<UnitBox>{{0, 0, 10, 10}}, std::vector<UnitBox>{{0, 0, 10, 4.9}}, counts);
  EXPECT_EQ(counts.num_found, 1);
}

TEST_F(Files, CocoByPictureAndCategory) {
  const fs::path path = file("gt.json", R"({
    "images": [{"id": 7, "file_name": "a.png", "width": 200, "height": 100}],
    "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "dog"}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [20, 10, 40, 50]},
                    {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 200, 100]},
                    {"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 20, 10], "iscrowd": 0},
                    {"id": 4, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1], "iscrowd": 1}]})");
  const auto items = read_truth(path);
  ASSERT_TRUE(items) << items.error().message;
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].query, "cup");
  ASSERT_EQ((*items)[0].boxes.size(), 2u);
  EXPECT_EQ((*items)[0].boxes[0].x2, 300);
  EXPECT_EQ((*items)[0].boxes[0].y2, 600);
  EXPECT_FALSE((*items)[0].whole);
}

TEST_F(Files, LinesInThousandthsAndPixels) {
  const fs::path path =
      file("gt.jsonl",
           "{\"image\": \"a.png\", \"query\": \"cup\", \"boxes\": [[1, 2, 3, 4]]}\n\n"
           "{\"image\": \"b.png\", \"question\": \"Where?\", \"boxes_px\": [[10, 10, 20, 20]], "
           "\"width\": 100, \"height\": 200}\n"
           "{\"image\": \"c.png\", \"question\": \"How many?\", \"verifier\": \"integer\"}\n"
           "{\"image\": \"c.png\", \"query\": \"cat\", \"boxes\": []}\n");
  const auto items = read_truth(path);
  ASSERT_TRUE(items) << items.error().message;
  ASSERT_EQ(items->size(), 3u);
  EXPECT_EQ((*items)[1].boxes[0].x1, 100);
  EXPECT_EQ((*items)[1].boxes[0].y2, 100);
  EXPECT_TRUE((*items)[1].whole);
  EXPECT_TRUE((*items)[2].boxes.empty());
}

TEST_F(Files, BadTruthNamesThePlace) {
  const auto error = [&](const std::string& text) {
    const auto items = read_truth(file("bad.json", text));
    return items ? "none" : items.error().message;
  };
  EXPECT_NE(error("{\"image\": 3}").find("bad.json:1: \"image\""), std::string::npos);
  EXPECT_NE(error("{\"image\": \"a\", \"query\": \"b\"}").find("\"boxes\""), std::string::npos);
  EXPECT_NE(error("{\"image\": \"a\", \"query\": \"b\", \"boxes\": [[1,2,3]]}").find("x1"),
            std::string::npos);
  EXPECT_NE(error("{\"image\":\"a\",\"query\":\"b\",\"boxes_px\":[]}").find("\"width\""),
            std::string::npos);
  EXPECT_NE(error(R"({"images": [], "categories": [], "annotations": [{"image_id": 1}]})")
                .find("annotations[0]"),
            std::string::npos);
  EXPECT_NE(error(R"({"annotations": 3, "images": [{"file_name": "a"}]})").find("\"width\""),
            std::string::npos);
  EXPECT_NE(error("").find("nothing"), std::string::npos);
  EXPECT_NE(error("[1, 2").find("bad.json:1"), std::string::npos);
  EXPECT_FALSE(read_truth(folder_ / "missing.json"));
}

TEST_F(Files, ResultsGoOnWhereTheyStopped) {
  const fs::path path = file("out.jsonl", "{\"image\": \"a\"}\nnot json\n{\"image\": \"b\"");
  std::vector<std::string> seen;
  {
    const auto results =
        ResultsFile::open(path, [&](const Json& line) { seen.push_back(line["image"]); });
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_EQ(seen, std::vector<std::string>{"a"});
    EXPECT_TRUE((*results)->append({{"image", "b"}, {"text", "\xFF"}}));
    const auto second = ResultsFile::open(path, [](const Json&) {});
    ASSERT_FALSE(second) << "one run at a time";
    EXPECT_EQ(second.error().code, Code::kUnavailable);
  }
  seen.clear();
  ASSERT_TRUE(ResultsFile::open(path, [&](const Json& line) { seen.push_back(line["image"]); }));
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(ResultsFile::open(folder_, [](const Json&) {}));
  EXPECT_FALSE(ResultsFile::open(folder_ / "no/such", [](const Json&) {}));
}

}  // namespace
}  // namespace glmv::grounding
