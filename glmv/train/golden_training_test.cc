// Loss, gradients and ten AdamW steps of the tiny checkpoints against what transformers recorded
// (tools/golden/model.py: train.safetensors), and the invariances of a step.

#include <gtest/gtest.h>

#include "glmv/train/model_for_test.h"
#include "glmv/train/step_runner.h"

namespace glmv::train {
namespace {

constexpr double kGate = 1e-5;  // relative, fp32

class GoldenTraining : public testing::TestWithParam<const char*> {
 protected:
  GoldenTraining() : golden_(GetParam()), model_(load_golden_model(GetParam())) {
    options_.max_tokens = 0;
    options_.optimizer.weight_decay = 0.01;
    options_.optimizer.decay_norms_and_biases = true;
  }

  AdamW make_optimizer() {
    return AdamW(*select_trainable(model_->parameters(), options_.optimizer), options_.optimizer);
  }

  // Gradients of one backward over `samples` cut as options_ say, by parameter name.
  std::map<std::string, at::Tensor> gradients(const std::vector<EncodedSample>& samples) {
    int64_t num_trained = 0;
    for (const EncodedSample& sample : samples) num_trained += sample.num_trained;
    loss_ = 0;
    for (const MicroBatch& batch : make_micro_batches(samples, options_, model_->device())) {
      loss_ += accumulate_gradients(*model_, batch, 1.0 / static_cast<double>(num_trained),
                                    options_.loss_chunk_rows)
                   .loss;
    }
    loss_ /= static_cast<double>(num_trained);
    std::map<std::string, at::Tensor> result;
    for (const model::NamedParameter& p : model_->parameters()) {
      if (!p.tensor.grad().defined()) continue;
      result[p.name] = p.tensor.grad().cpu().clone();
      at::Tensor(p.tensor).mutable_grad() = at::Tensor();
    }
    return result;
  }

  GoldenBatch golden_;
  std::unique_ptr<model::Vlm> model_;
  TrainOptions options_;
  double loss_ = 0;
};

double relative(const at::Tensor& got, const at::Tensor& want) {
  const double norm = want.to(at::kDouble).norm().item<double>();
  return (got - want).to(at::kDouble).norm().item<double>() / std::max(norm, 1e-12);
}

TEST_P(GoldenTraining, LossAndEveryGradient) {
  const AdamW optimizer = make_optimizer();
  const auto got = gradients(golden_.samples());
  EXPECT_NEAR(loss_, golden_["loss"].item<double>(), kGate * loss_);
  int64_t compared = 0;
  for (const auto& [name, want] : golden_.gradients()) {
    const auto it = got.find(name);
    // An expert that no token chose has no gradient here and a zero one there.
    if (it == got.end()) {
      EXPECT_EQ(want.abs().max().item<double>(), 0.0) << name;
      continue;
    }
    EXPECT_LE(relative(it->second, want), kGate) << name;
    ++compared;
  }
  EXPECT_EQ(compared, static_cast<int64_t>(got.size()));
  EXPECT_GT(compared, 50);
}

TEST_P(GoldenTraining, TenAdamWSteps) {
  AdamW optimizer = make_optimizer();
  const at::Tensor losses = golden_["adamw.losses"];
  const at::Tensor norms = golden_["adamw.grad_norms"];
  for (int64_t step = 0; step < losses.size(0); ++step) {
    const StepResult result = run_step(*model_, optimizer, golden_.samples(), options_, 1e-3);
    EXPECT_TRUE(result.outcome.applied);
    const double loss = losses[step].item<double>();
    const double norm = norms[step].item<double>();
    EXPECT_NEAR(result.loss, loss, kGate * loss) << "step " << step;
    EXPECT_NEAR(result.outcome.grad_norm, norm, 1e-4 * norm) << "step " << step;
  }
  const LossSum last = evaluate_samples(*model_, golden_.samples(), options_);
  const double want = golden_["adamw.final_loss"].item<double>();
  EXPECT_NEAR(last.loss / static_cast<double>(last.num_tokens), want, kGate * want);
}

TEST_P(GoldenTraining, PackedEqualsUnpacked) {
  const AdamW optimizer = make_optimizer();
  const std::vector<EncodedSample> samples = {golden_.samples()[0], golden_.samples()[1],
                                              golden_.samples()[1], golden_.samples()[0]};
  const auto packed = gradients(samples);
  const double packed_loss = loss_;
  for (const int64_t parts : {2, 4}) {
    options_.grad_accum = parts;
    const auto apart = gradients(samples);
    EXPECT_NEAR(loss_, packed_loss, 1e-6 * packed_loss);
    ASSERT_EQ(apart.size(), packed.size());
    for (const auto& [name, grad] : apart) {
      EXPECT_LE(relative(grad, packed.at(name)), kGate) << name;
    }
  }
}

TEST_P(GoldenTraining, ChunksOfTheLossDoNotMatter) {
  const AdamW optimizer = make_optimizer();
  const auto whole = gradients(golden_.samples());
  const double whole_loss = loss_;
  options_.loss_chunk_rows = 2;
  const auto chunked = gradients(golden_.samples());
  EXPECT_NEAR(loss_, whole_loss, 1e-6 * whole_loss);
  for (const auto& [name, grad] : chunked) {
    EXPECT_LE(relative(grad, whole.at(name)), kGate) << name;
  }
}

TEST_P(GoldenTraining, FrozenPartsStay) {
  options_.optimizer.freeze = {"vision", "llm"};
  AdamW optimizer = make_optimizer();
  std::map<std::string, at::Tensor> before;
  for (const auto& p : model_->parameters()) before[p.name] = p.tensor.detach().clone();
  run_step(*model_, optimizer, golden_.samples(), options_, 1e-2);
  for (const auto& p : model_->parameters()) {
    EXPECT_EQ(p.tensor.equal(before[p.name]), part_of(p.name) != Part::kProjector) << p.name;
  }
}

TEST_P(GoldenTraining, NonFiniteGradientChangesNothing) {
  AdamW optimizer = make_optimizer();
  for (auto& p : model_->parameters()) {
    if (p.name != "lm_head.weight") continue;
    const at::NoGradGuard no_grad;
    p.tensor[0][0] = std::numeric_limits<float>::infinity();
  }
  std::map<std::string, at::Tensor> before;
  for (const auto& p : model_->parameters()) before[p.name] = p.tensor.detach().clone();
  const StepResult result = run_step(*model_, optimizer, golden_.samples(), options_, 1e-2);
  EXPECT_FALSE(result.outcome.applied);
  for (const auto& p : model_->parameters()) {
    EXPECT_TRUE(p.tensor.equal(before[p.name])) << p.name;
  }
}

TEST_P(GoldenTraining, MasterWeightsFollowFullPrecision) {
  auto mixed = load_golden_model(GetParam(), "bfloat16");
  AdamW mixed_optimizer(*select_trainable(mixed->parameters(), options_.optimizer),
                        options_.optimizer);
  AdamW optimizer = make_optimizer();
  double loss = 0, mixed_loss = 0, first = 0;
  for (int step = 0; step < 5; ++step) {
    loss = run_step(*model_, optimizer, golden_.samples(), options_, 1e-3).loss;
    mixed_loss = run_step(*mixed, mixed_optimizer, golden_.samples(), options_, 1e-3).loss;
    if (step == 0) first = loss;
  }
  EXPECT_LT(loss, first - 1.0);
  EXPECT_NEAR(mixed_loss, loss, 0.05 * loss);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTraining, testing::Values("glm4v", "glm4v_moe"));

}  // namespace
}  // namespace glmv::train
