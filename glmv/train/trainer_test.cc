// Whole runs on a tiny random checkpoint: learning, resuming, stopping, errors.

#include "glmv/train/trainer.h"

#include "glmv/base/files.h"
#include "glmv/checkpoint/safetensors.h"
#include "glmv/train/tiny_checkpoint_for_test.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;
using text::Message;

// Colour questions: one plain picture each.
class Colours final : public SampleSource {
 public:
  explicit Colours(int64_t size, int64_t bad = -1) : size_(size), bad_(bad) {}
  int64_t size() const override { return size_; }
  Result<Sample> get(int64_t index) const override {
    if (index == bad_) return invalid_argument("broken on purpose");
    Sample sample;
    Message question{.role = "user", .content_is_string = false};
    question.content.push_back({.kind = text::PartKind::kImage});
    question.content.push_back({.kind = text::PartKind::kText, .text = "Colour?"});
    const bool dark = index % 2 == 0;
    sample.messages = {question, Message::assistant(dark ? "dark" : "light")};
    media::Image image{.width = 112, .height = 112};
    image.data.assign(112 * 112 * 3, dark ? 20 : 230);
    processing::DecodedMedium medium;
    medium.frames.push_back(std::move(image));
    sample.media.push_back(std::move(medium));
    return sample;
  }

 private:
  int64_t size_;
  int64_t bad_;
};

class TrainerTest : public testing::Test {
 public:
  static TrainOptions options_for(const fs::path& model, const fs::path& out) {
    TrainOptions o;
    o.model_dir = model.string();
    o.output_dir = out.string();
    o.total_steps = 20;
    o.batch_samples = 4;
    o.log_every = 1;
    o.optimizer = {.learning_rate = 3e-3, .schedule = "constant"};
    return o;
  }

  static Result<TrainSummary> train(const TrainOptions& o, const SampleSource& source,
                                    TrainCallbacks callbacks = {}) {
    GLMV_ASSIGN(Trainer trainer, Trainer::create(o, source, nullptr, std::move(callbacks)));
    return trainer.run();
  }

 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    write_tiny_checkpoint(folder_->path() / "model");
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  TrainOptions options(const std::string& out) const {
    return options_for(folder_->path() / "model", run_.path() / out);
  }

  static void expect_same_files(const fs::path& a, const fs::path& b) {
    for (const char* name : {"model.safetensors", "optimizer.safetensors"}) {
      const auto left = read_file(a / name), right = read_file(b / name);
      ASSERT_TRUE(left && right);
      EXPECT_TRUE(*left == *right) << name;
    }
  }

  static TemporaryFolder* folder_;
  TemporaryFolder run_;
};
TemporaryFolder* TrainerTest::folder_ = nullptr;

TEST_F(TrainerTest, LearnsAndReports) {
  const Colours source(32);
  TrainOptions o = options("out");
  o.total_steps = 40;
  o.eval_every = 40;
  std::vector<double> losses;
  EvalReport eval;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const StepReport& report) {
    losses.push_back(report.loss);
    EXPECT_EQ(report.num_samples, 4);
    EXPECT_GT(report.tokens_per_s, 0);
  };
  callbacks.on_eval = [&](const EvalReport& report) { eval = report; };
  auto trainer = Trainer::create(o, source, &source, callbacks);
  ASSERT_TRUE(trainer) << trainer.error().message;
  EXPECT_EQ(trainer->start_step(), 0);
  EXPECT_EQ(trainer->num_trainable(), trainer->num_parameters());
  const auto summary = trainer->run();
  ASSERT_TRUE(summary) << summary.error().message;
  ASSERT_EQ(losses.size(), 40u);
  EXPECT_GT(losses.front(), 4.0);
  EXPECT_LT(losses.back(), 0.3);
  EXPECT_EQ(eval.step, 40);
  EXPECT_GT(eval.accuracy, 0.9);
  EXPECT_TRUE(fs::exists(fs::path(o.output_dir) / "loss.png"));
  EXPECT_TRUE(fs::exists(fs::path(o.output_dir) / "checkpoint-40/tokenizer.json"));
  EXPECT_EQ(std::ranges::count(*read_file(fs::path(o.output_dir) / "trainer_log.jsonl"), '\n'), 41);
}

// Pictures whose every visual token has two words: the loss above the least possible falls to 0.
class Words final : public SampleSource {
 public:
  int64_t size() const override { return 32; }
  Result<Sample> get(int64_t index) const override {
    GLMV_ASSIGN(Sample sample, colours_.get(index));
    const bool dark = index % 2 == 0;
    sample.visual_words.assign(
        16, dark ? std::vector<std::string>{"a", "b"} : std::vector<std::string>{"c", "d"});
    return sample;
  }

 private:
  Colours colours_{32};
};

TEST_F(TrainerTest, VisualWordsTrainTheTowerAndLeaveTheDecoder) {
  TrainOptions o = options("out");
  o.total_steps = 60;
  o.encode.objective = "visual-words";
  std::vector<double> losses;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const StepReport& report) { losses.push_back(report.loss); };
  const auto summary = train(o, Words(), callbacks);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_GT(losses.front(), 1);
  EXPECT_LT(losses.back(), 0.05);
  EXPECT_GT(losses.back(), -1e-3);
  const auto before = checkpoint::open_safetensors(o.model_dir + "/model.safetensors");
  const auto after = checkpoint::open_safetensors(summary->checkpoint / "model.safetensors");
  ASSERT_TRUE(before && after);
  for (const auto& [name, view] : before->tensors) {
    const bool decoder = name.find("language_model") != std::string::npos;
    const bool tower = name.find("visual.blocks.0.attn.qkv") != std::string::npos;
    if (!decoder && !tower) continue;
    const auto& now = after->tensors.at(name);
    const bool same = std::ranges::equal(view.data, now.data);
    EXPECT_EQ(same, decoder) << name;
  }
}

TEST_F(TrainerTest, WorkersComputeTheSame) {
  TrainOptions one = options("one");
  one.total_steps = 6;
  one.grad_accum = 2;
  TrainOptions two = options("two");
  two.total_steps = 6;
  two.workers = 2;
  const auto first = train(one, Colours(32));
  const auto second = train(two, Colours(32));
  ASSERT_TRUE(first && second);
  expect_same_files(first->checkpoint, second->checkpoint);
}

TEST_F(TrainerTest, ResumeIsBitExact) {
  const Colours source(10);
  TrainOptions whole = options("whole");
  whole.grad_accum = 2;
  whole.optimizer.schedule = "cosine";
  whole.optimizer.warmup_steps = 3;
  ASSERT_TRUE(train(whole, source));

  TrainOptions parts = whole;
  parts.output_dir = (run_.path() / "parts").string();
  parts.save_every = 10;
  std::atomic<bool> stop = false;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const StepReport& report) { stop = report.step == 10; };
  auto first = Trainer::create(parts, source, nullptr, callbacks);
  ASSERT_TRUE(first);
  const auto half = first->run(&stop);
  ASSERT_TRUE(half);
  EXPECT_TRUE(half->stopped);
  EXPECT_EQ(half->step, 10);

  auto second = Trainer::create(parts, source, nullptr, {});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->start_step(), 10);
  const auto summary = second->run();
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_FALSE(summary->stopped);
  expect_same_files(fs::path(whole.output_dir) / "checkpoint-20",
                    fs::path(parts.output_dir) / "checkpoint-20");
  EXPECT_EQ(std::ranges::count(*read_file(fs::path(parts.output_dir) / "trainer_log.jsonl"), '\n'),
            20);
}

TEST_F(TrainerTest, ResumeOfMixedPrecisionIsBitExact) {
  const Colours source(10);
  TrainOptions whole = options("whole");
  whole.dtype = "bf16-mixed";
  whole.total_steps = 6;
  ASSERT_TRUE(train(whole, source));
  TrainOptions parts = whole;
  parts.output_dir = (run_.path() / "parts").string();
  parts.total_steps = 3;
  ASSERT_TRUE(train(parts, source));
  parts.total_steps = 6;
  ASSERT_TRUE(train(parts, source));
  expect_same_files(fs::path(whole.output_dir) / "checkpoint-6",
                    fs::path(parts.output_dir) / "checkpoint-6");
}

// Run by the next test in a process of its own, which then kills it.
constexpr const char* kChildModel = "GLMV_TRAIN_TEST_MODEL";
constexpr const char* kChildOut = "GLMV_TRAIN_TEST_OUT";
TEST(TrainerChild, DISABLED_TrainsUntilKilled) {
  at::set_num_threads(1);
  TrainOptions o = TrainerTest::options_for(std::getenv(kChildModel), std::getenv(kChildOut));
  o.save_every = 1;
  o.total_steps = 1'000'000;
  EXPECT_TRUE(TrainerTest::train(o, Colours(10)));
}

TEST_F(TrainerTest, ResumesAfterSigkill) {
  const fs::path out = run_.path() / "killed";
  setenv(kChildModel, (folder_->path() / "model").c_str(), 1);
  setenv(kChildOut, out.c_str(), 1);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    execl("/proc/self/exe", "test", "--gtest_filter=TrainerChild.*",
          "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    _exit(127);
  }
  // It saves after every step, so most of its time a save is under way.
  for (int i = 0; i < 6000 && !fs::exists(out / "checkpoint-3"); ++i) usleep(10'000);
  usleep(3'000);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";

  const Colours source(10);
  TrainOptions o = options("killed");
  auto trainer = Trainer::create(o, source, nullptr, {});
  ASSERT_TRUE(trainer) << trainer.error().message;
  EXPECT_GE(trainer->start_step(), 2);
  ASSERT_LT(trainer->start_step(), 20);
  ASSERT_TRUE(trainer->run());
  for (const auto& entry : fs::directory_iterator(out)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".tmp-")) << entry.path();
  }
  const TrainOptions whole = options("whole");
  ASSERT_TRUE(train(whole, source));
  expect_same_files(fs::path(whole.output_dir) / "checkpoint-20", out / "checkpoint-20");
}

TEST_F(TrainerTest, BadSamplesStopOrAreSkipped) {
  const Colours source(8, /*bad=*/3);
  TrainOptions o = options("out");
  o.total_steps = 2;
  const auto stopped = train(o, source);
  ASSERT_FALSE(stopped);
  EXPECT_NE(stopped.error().message.find("sample 3: broken on purpose"), std::string::npos);
  o.data.on_bad_sample = "skip";
  std::vector<std::string> warnings;
  TrainCallbacks callbacks;
  callbacks.on_warning = [&](const std::string& text) { warnings.push_back(text); };
  const auto summary = train(o, source, callbacks);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->skipped_samples, 1);
  ASSERT_FALSE(warnings.empty());
  EXPECT_NE(warnings.back().find("sample 3"), std::string::npos);
}

TEST_F(TrainerTest, ResumeRefusesOtherData) {
  TrainOptions o = options("out");
  o.total_steps = 1;
  ASSERT_TRUE(train(o, Colours(8)));
  o.total_steps = 2;
  const auto other = train(o, Colours(9));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("num_samples = 8"), std::string::npos);
  o.resume = "never";
  EXPECT_TRUE(train(o, Colours(9)));
}

TEST_F(TrainerTest, ErrorsNameTheOption) {
  const Colours source(8);
  TrainOptions o = options("out");
  o.optimizer.freeze = {"eyes"};
  EXPECT_NE(train(o, source).error().message.find("freeze"), std::string::npos);
  o = options("out");
  o.optimizer.freeze = {"vision", "projector", "llm"};
  EXPECT_NE(train(o, source).error().message.find("no parameter"), std::string::npos);
  o = options("out");
  o.optimizer.freeze_regex = "(";
  EXPECT_NE(train(o, source).error().message.find("freeze_regex"), std::string::npos);
  o = options("out");
  o.batch_samples = 0;
  EXPECT_NE(train(o, source).error().message.find("batch_samples"), std::string::npos);
  o = options("out");
  o.model_dir = (run_.path() / "nothing").string();
  EXPECT_EQ(train(o, source).error().code, Code::kNotFound);
}

TEST_F(TrainerTest, NonFiniteLossStopsAndSavesNothing) {
  const Colours source(8);
  TrainOptions o = options("out");
  o.optimizer.learning_rate = 1e30;
  o.optimizer.max_bad_steps = 3;
  const auto summary = train(o, source);
  ASSERT_FALSE(summary);
  EXPECT_NE(summary.error().message.find("3 steps in a row"), std::string::npos);
  EXPECT_FALSE(fs::exists(fs::path(o.output_dir) / "latest"));
}

TEST(ProgressLine, SaysWhatMatters) {
  EXPECT_EQ(progress_line({.step = 120,
                           .total_steps = 1000,
                           .epoch = 0.24,
                           .loss = 0.5321,
                           .learning_rate = 9.8e-4,
                           .grad_norm = 0.71,
                           .tokens_per_s = 1240,
                           .samples_per_s = 8.1,
                           .remaining_s = 250}),
            "step 120/1000 (12 %)  epoch 0.24  loss 0.5321  lr 9.80e-04  grad 0.71  1240 tok/s  "
            "8.1 samples/s  4m10s left");
}

}  // namespace
}  // namespace glmv::train
