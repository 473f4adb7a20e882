#include "glmv/synth/export.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "glmv/base/files.h"
#include "glmv/synth/verify.h"

namespace glmv::synth {
namespace {

class Export : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("glmv_synth_export_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(Export, WritesReadmeFormatAndEvalFile) {
  ExportOptions options;
  options.count = 3;
  const auto status = export_dataset(folder_, options);
  ASSERT_TRUE(status.has_value()) << status.error().message;
  const auto conversations = read_json_file(folder_ / "finetune.json");
  const auto items = read_eval(folder_ / "eval.jsonl");
  ASSERT_TRUE(conversations.has_value());
  ASSERT_TRUE(items.has_value()) << items.error().message;
  ASSERT_EQ(items->size(), 27u);  // nine tasks that are not training-only
  ASSERT_EQ(conversations->size(), items->size());
  for (size_t i = 0; i < items->size(); ++i) {
    const EvalItem& item = (*items)[i];
    const Json& row = (*conversations)[i];
    const std::string user = row["messages"][0]["content"];
    EXPECT_EQ(user, "<image>" + item.question);
    EXPECT_EQ(row["messages"][1]["role"], "assistant");
    const std::string reply = row["messages"][1]["content"];
    EXPECT_TRUE(check(item.verifier, item.answer, item.boxes, answer_of(reply))) << reply;
    EXPECT_EQ(row["images"][0], item.image);
    const auto png = read_file(folder_ / item.image);
    ASSERT_TRUE(png.has_value());
    EXPECT_TRUE(png->starts_with("\x89PNG\r\n"));
  }
}

TEST_F(Export, BlindPicturesDifferButQuestionsStay) {
  ExportOptions options;
  options.tasks = {Task::kRead};
  options.count = 2;
  ASSERT_TRUE(export_dataset(folder_ / "seeing", options).has_value());
  options.blind = true;
  ASSERT_TRUE(export_dataset(folder_ / "blind", options).has_value());
  EXPECT_EQ(*read_file(folder_ / "seeing/eval.jsonl"), *read_file(folder_ / "blind/eval.jsonl"));
  EXPECT_NE(*read_file(folder_ / "seeing/images/read_000000.png"),
            *read_file(folder_ / "blind/images/read_000000.png"));
}

TEST_F(Export, ErrorsSayWhy) {
  ExportOptions options;
  options.mixture = &mixtures()[0];
  const auto status = export_dataset(folder_, options);
  ASSERT_FALSE(status.has_value());
  EXPECT_NE(status.error().message.find(mixtures()[0].name), std::string::npos);
  options = {};
  options.count = 1;
  EXPECT_FALSE(export_dataset("/proc/nowhere", options).has_value());
}

TEST_F(Export, BadEvalLinesAreNamed) {
  std::filesystem::create_directories(folder_);
  const std::string good =
      R"({"id":"a","task":"read","image":"a.png","question":"?","answer":"1","verifier":"exact"})";
  for (const std::string bad :
       {R"({"id":"a"})", R"([])", R"({)",
        R"({"id":"a","task":"read","image":"a","question":"?","answer":"1","verifier":"vote"})",
        R"({"id":"a","task":"t","image":"a","question":"?","answer":"1","verifier":"iou",)"
        R"("boxes":[[1,2,3]]})",
        R"({"id":"a","task":"t","image":"a","question":"?","answer":"1","verifier":"iou",)"
        R"("boxes":[[1,2,3,40000000000]]})"}) {
    ASSERT_TRUE(write_file_atomic(folder_ / "eval.jsonl", good + "\n" + bad + "\n").has_value());
    const auto items = read_eval(folder_ / "eval.jsonl");
    ASSERT_FALSE(items.has_value()) << bad;
    EXPECT_NE(items.error().message.find("eval.jsonl:2"), std::string::npos)
        << items.error().message;
  }
}

}  // namespace
}  // namespace glmv::synth
