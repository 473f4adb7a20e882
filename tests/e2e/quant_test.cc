#include "tests/e2e/fixtures.h"

namespace glmv::e2e {
namespace {

constexpr int kMalformed = 2;

class Quantised : public Program, public testing::WithParamInterface<const char*> {};

// Random weights give flat logits: replies need not agree, but the program must work, say the same
// twice, and stay near the float model.
TEST_P(Quantised, AnswersWithRoundedWeights) {
  const std::string model = tiny(GetParam());
  const std::string picture = golden_picture("rgb_420.jpg");
  const Words base = {"ask", "-m", model, "--json", "--temp", "0", "-n", "4", "--logprobs", "1",
                      "-i", picture};
  const auto first_logprob = [&](const Words& flags) {
    const Outcome outcome = run(join(join(base, flags), {"--", "What is it?"}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(run(join(join(base, flags), {"--", "What is it?"})).json()["output_ids"],
              outcome.json()["output_ids"]);
    return outcome.json()["logprobs"][0]["logprob"].get<double>();
  };
  const double exact = first_logprob({"--dtype", "bfloat16"});
  for (const Words& flags : std::vector<Words>{{"--quant", "int8", "--dtype", "bfloat16"},
                                               {"--quant", "int8", "--act", "int8"},
                                               {"--quant", "int4"},
                                               {"--quant", "int4", "--act", "int8"},
                                               {"--quant", "int8", "--dtype", "float32"}}) {
    EXPECT_NEAR(first_logprob(flags), exact, 0.5) << flags[1];
  }
}

INSTANTIATE_TEST_SUITE_P(All, Quantised,
                         testing::Values("glm4v", "glm46v", "glm4v_moe", "glm_ocr"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(Program, UnknownQuantisationIsRefused) {
  expect_error(ask({"--quant", "int3", "--", "hi"}), kMalformed, "int3");
  expect_error(ask({"--act", "fp8", "--", "hi"}), kMalformed, "fp8");
}

}  // namespace
}  // namespace glmv::e2e
