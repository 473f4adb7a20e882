#include "glmv/train/trainer_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "glmv/base/files.h"
#include "glmv/train/loss_plot.h"
#include "glmv/train/model_for_test.h"

namespace glmv::train {
namespace {

TEST(TrainerLog, WritesOneObjectPerLineWithoutAbsentFields) {
  TemporaryFolder folder;
  const auto path = folder.path() / "trainer_log.jsonl";
  auto log = TrainerLog::open(path, 0);
  ASSERT_TRUE(log);
  ASSERT_TRUE(log->append({.current_steps = 5,
                           .total_steps = 20,
                           .loss = 1.5,
                           .lr = 1e-3,
                           .epoch = 0.25,
                           .elapsed_s = 3700,
                           .remaining_s = 61,
                           .throughput = 100,
                           .total_tokens = 640}));
  const auto line = parse_json(*read_file(path), "log");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->at("loss"), 1.5);
  EXPECT_EQ(line->at("percentage"), 25.0);
  EXPECT_EQ(line->at("elapsed_time"), "1:01:40");
  EXPECT_EQ(line->at("remaining_time"), "0:01:01");
  EXPECT_FALSE(line->contains("eval_loss"));
}

TEST(TrainerLog, ResumeDropsWhatCameLaterAndCutLines) {
  TemporaryFolder folder;
  const auto path = folder.path() / "trainer_log.jsonl";
  std::ofstream(path) << "{\"current_steps\":5,\"loss\":1}\nnot json\n{\"current_steps\":10}\n"
                      << "{\"current_steps\":15}\n{\"current_steps\":8,\"lo";
  const auto log = TrainerLog::open(path, 10);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->entries().size(), 2u);
  EXPECT_EQ(*read_file(path), "{\"current_steps\":5,\"loss\":1}\n{\"current_steps\":10}\n");
  EXPECT_TRUE(TrainerLog::open(path, 0)->entries().empty());
}

TEST(LossPlot, DrawsFromTwoPointsOn) {
  TemporaryFolder folder;
  const auto path = folder.path() / "loss.png";
  std::vector<Json> entries = {{{"current_steps", 1}, {"loss", 2.0}}};
  ASSERT_TRUE(draw_loss_plot(entries, path));
  EXPECT_FALSE(std::filesystem::exists(path));
  entries.push_back({{"current_steps", 2}, {"loss", nullptr}, {"eval_loss", 1.5}});
  entries.push_back({{"current_steps", 3}, {"loss", 1.0}});
  ASSERT_TRUE(draw_loss_plot(entries, path));
  EXPECT_TRUE(read_file(path)->starts_with("\x89PNG"));
}

}  // namespace
}  // namespace glmv::train
