#include "glmv/train/checkpointing.h"

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "glmv/base/files.h"
#include "glmv/train/model_for_test.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;

class CheckpointingTest : public testing::Test {
 protected:
  CheckpointingTest() {
    fs::create_directories(side());
    std::ofstream(side() / "config.json")
        << R"({"dtype":"bfloat16","text_config":{"torch_dtype":"bfloat16","vocab_size":4}})";
    std::ofstream(side() / "tokenizer.json") << "{}";
    fs::create_directories(out());
  }
  fs::path side() const { return folder_.path() / "model"; }
  fs::path out() const { return folder_.path() / "out"; }

  CheckpointContent content(int64_t step, int64_t width = 8) const {
    return {.step = step,
            .side_files = side(),
            .weights = {{"w", at::full({4, width}, static_cast<double>(step), at::kFloat)},
                        {"b", at::ones({4}, at::kFloat).narrow(0, 1, 2)}},
            .optimizer = {{"exp_avg.w", at::rand({4, width})}},
            .state = {{"format", 1}, {"global_step", step}}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(out())) {
      result.push_back(entry.path().filename().string());
    }
    std::ranges::sort(result);
    return result;
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointingTest, WritesAHuggingFaceFolder) {
  const CheckpointContent c = content(7);
  const auto dir = save_checkpoint(out(), c, 0);
  ASSERT_TRUE(dir) << dir.error().message;
  EXPECT_EQ(*dir, out() / "checkpoint-7");
  EXPECT_EQ(find_latest_checkpoint(out()), *dir);
  EXPECT_TRUE(fs::exists(*dir / "tokenizer.json"));
  const Json config = *read_json_file(*dir / "config.json");
  EXPECT_EQ(config["dtype"], "float32");
  EXPECT_EQ(config["text_config"]["torch_dtype"], "float32");
  EXPECT_EQ(config["text_config"]["vocab_size"], 4);
  const auto weights = read_tensors(*dir / "model.safetensors");
  ASSERT_TRUE(weights);
  ASSERT_EQ(weights->size(), 2u);
  EXPECT_TRUE((*weights)[0].tensor.equal(at::ones({2})));
  EXPECT_TRUE((*weights)[1].tensor.equal(c.weights[0].tensor));
  const auto resume = load_resume_state(*dir);
  ASSERT_TRUE(resume);
  EXPECT_EQ(resume->state["global_step"], 7);
  EXPECT_TRUE(resume->optimizer[0].tensor.equal(c.optimizer[0].tensor));
}

TEST_F(CheckpointingTest, KeepsTheLastOnes) {
  for (const int64_t step : {5, 10, 15, 100}) {
    ASSERT_TRUE(save_checkpoint(out(), content(step), 2));
  }
  EXPECT_EQ(names(), (std::vector<std::string>{"checkpoint-100", "checkpoint-15", "latest"}));
  // Saving a step again replaces it.
  ASSERT_TRUE(save_checkpoint(out(), content(15), 1));
  EXPECT_EQ(names(), (std::vector<std::string>{"checkpoint-15", "latest"}));
  EXPECT_EQ(find_latest_checkpoint(out()), out() / "checkpoint-15");
}

TEST_F(CheckpointingTest, WhatAKillLeavesIsIgnored) {
  ASSERT_TRUE(save_checkpoint(out(), content(5), 0));
  fs::create_directories(out() / ".tmp-checkpoint-10");
  std::ofstream(out() / ".tmp-checkpoint-10" / "trainer_state.json") << "{}";
  fs::create_directories(out() / "checkpoint-20");  // no trainer_state.json: not complete
  fs::create_directories(out() / "checkpoint-x");
  EXPECT_EQ(find_latest_checkpoint(out()), out() / "checkpoint-5");
  // `latest` pointing nowhere, outside, or missing: the newest complete folder.
  for (const char* text : {"checkpoint-20\n", "../out/checkpoint-5\n", "", "nothing"}) {
    std::ofstream(out() / "latest") << text;
    EXPECT_EQ(find_latest_checkpoint(out()), out() / "checkpoint-5") << text;
  }
  fs::remove(out() / "latest");
  EXPECT_EQ(find_latest_checkpoint(out()), out() / "checkpoint-5");
  remove_leftovers(out());
  EXPECT_FALSE(fs::exists(out() / ".tmp-checkpoint-10"));
  // An incomplete folder of the same name does not block a save.
  EXPECT_TRUE(save_checkpoint(out(), content(20), 0));
  EXPECT_EQ(find_latest_checkpoint(out()), out() / "checkpoint-20");
}

TEST_F(CheckpointingTest, NoCheckpointIsNoError) {
  EXPECT_EQ(find_latest_checkpoint(out()), std::nullopt);
  EXPECT_EQ(find_latest_checkpoint(folder_.path() / "none"), std::nullopt);
  EXPECT_EQ(load_resume_state(folder_.path() / "none").error().code, Code::kNotFound);
}

TEST_F(CheckpointingTest, FullDiskLeavesTheOldCheckpoint) {
  ASSERT_TRUE(save_checkpoint(out(), content(5), 1));
  // A limit on the size of files stands in for the full disk.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit small = old_limit;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto dir = save_checkpoint(out(), content(10, 100000), 1);
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().code, Code::kResourceExhausted) << dir.error().message;
  EXPECT_NE(dir.error().message.find("checkpoint-10"), std::string::npos) << dir.error().message;
  EXPECT_EQ(names(), (std::vector<std::string>{"checkpoint-5", "latest"}));
  EXPECT_EQ(find_latest_checkpoint(out()), out() / "checkpoint-5");
}

}  // namespace
}  // namespace glmv::train
