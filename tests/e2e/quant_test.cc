#include <cstring>

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
  const Words base = {"ask", "-m", model,        "--json", "--temp", "0",
                      "-n",  "4",  "--logprobs", "1",      "-i",     picture};
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

INSTANTIATE_TEST_SUITE_P(All, Quantised, testing::Values("glm4v", "glm46v", "glm4v_moe", "glm_ocr"),
                         [](const auto& info) { return std::string(info.param); });

Words quantize(const std::string& model, const std::string& output, const Words& more) {
  return join({"quantize", model, "-o", output, "--group", "32"}, more);
}

TEST_P(Quantised, CheckpointsThatWeWriteLoad) {
  const std::string model = tiny(GetParam());
  const std::string picture = golden_picture("rgb_420.jpg");
  int number = 0;
  for (const Words& flags :
       std::vector<Words>{{"--group", "32"},
                          {"--format", "compressed-tensors", "--bits", "8", "--group", "0"},
                          {"--format", "compressed-tensors", "--zero-points", "--group", "32"}}) {
    const std::string output = path("q" + std::to_string(number++));
    const Outcome done =
        run(join({"quantize", model, "-o", output, "-q", "--method", "rtn"}, flags));
    ASSERT_EQ(done.exit_code, 0) << done.err;
    const Outcome inspected = run({"inspect", output, "--json"});
    EXPECT_EQ(inspected.exit_code, 0) << inspected.out;
    const Outcome reply = run(
        {"ask", "-m", output, "--json", "--temp", "0", "-n", "3", "-i", picture, "--", "What?"});
    EXPECT_EQ(reply.exit_code, 0) << reply.err;
    // Made plain again: the same model, and nothing says that it is quantised.
    const std::string plain = output + "-plain";
    ASSERT_EQ(run({"convert", output, "-o", plain, "--dtype", "float32"}).exit_code, 0);
    EXPECT_EQ(read(plain + "/config.json").find("quant"), std::string::npos);
    const Outcome again =
        run({"ask", "-m", plain, "--json", "--temp", "0", "-n", "3", "-i", picture, "--", "What?"});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_TRUE(std::filesystem::exists(output + "/quantize_report.png"));
  }
}

TEST_F(Program, QuantisingGoesOnWhereItStopped) {
  const std::string model = tiny();
  const Words command = quantize(model, path("q"), {"--method", "rtn"});
  ASSERT_EQ(run(command).exit_code, 0);
  const std::string shard = path("q") + "/model-00002-of-00004.safetensors";
  const std::string report = read(path("q") + "/quantize_report.json");
  const std::string bytes = read(shard);
  // As a kill leaves it: one layer is missing, and the files that come last.
  for (const char* name : {"model-00002-of-00004.safetensors", "config.json",
                           "model.safetensors.index.json", "quantize_report.json"}) {
    ASSERT_TRUE(std::filesystem::remove(path("q") + "/" + name)) << name;
  }
  const Outcome again = run(command);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("2 layers were done"));
  EXPECT_EQ(read(shard), bytes);
  EXPECT_EQ(read(path("q") + "/quantize_report.json"), report);
  expect_error(run(quantize(model, path("q"), {"--method", "gptq", "--synth", "full"})), kMalformed,
               "other options");
}

// A safetensors file whose tensors are floats.
class FloatFile {
 public:
  explicit FloatFile(std::string path) : path_(std::move(path)), bytes_(read(path_)) {
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), sizeof length);
    header_ = Json::parse(bytes_.substr(sizeof length, length));
    data_ = sizeof length + length;
  }
  std::vector<float> values(const std::string& name) const {
    const auto [begin, size] = place(name);
    std::vector<float> values(size / sizeof(float));
    std::memcpy(values.data(), bytes_.data() + begin, size);
    return values;
  }
  void store(const std::string& name, const std::vector<float>& values) {
    const auto [begin, size] = place(name);
    ASSERT_EQ(size, values.size() * sizeof(float));
    std::memcpy(bytes_.data() + begin, values.data(), size);
    write(path_, bytes_);
  }

 private:
  std::pair<size_t, size_t> place(const std::string& name) const {
    const Json& offsets = header_.at(name).at("data_offsets");
    const size_t begin = offsets[0], end = offsets[1];
    return {data_ + begin, end - begin};
  }

  std::string path_;
  std::string bytes_;
  Json header_;
  size_t data_ = 0;
};

// Experts share a norm with the router: it gives up factors of AWQ, and the router sees the same.
TEST_F(Program, FactorsOfExpertsLeaveTheRouter) {
  const std::string model = tiny("glm4v_moe");
  const std::string norm = "model.language_model.layers.1.post_attention_layernorm.weight";
  const std::string gate = "model.language_model.layers.1.mlp.gate.weight";
  FloatFile before(model + "/model.safetensors");
  std::vector<float> uneven = before.values(norm);
  for (size_t i = 0; i < uneven.size(); i += 8) uneven[i] *= 20;
  before.store(norm, uneven);
  const Outcome done = run({"quantize", model, "-o", path("q"), "--group", "16", "--method", "awq",
                            "--synth", "full", "--samples", "8", "--eval-samples", "2"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("of the replies"));
  const FloatFile after(path("q") + "/model-00003-of-00004.safetensors");
  const std::vector<float> new_norm = after.values(norm), new_gate = after.values(gate);
  const std::vector<float> old_gate = before.values(gate);
  EXPECT_NE(new_norm, uneven);
  ASSERT_EQ(new_gate.size(), old_gate.size());
  for (size_t i = 0; i < new_gate.size(); ++i) {
    const size_t column = i % uneven.size();
    ASSERT_EQ(new_gate[i] * new_norm[column], old_gate[i] * uneven[column]) << i;
  }
}

// Linears that the groups do not divide stay as they are.
TEST_F(Program, QuantizeKeepsWhatDoesNotFit) {
  const Outcome done = run(quantize(tiny("glm4v_moe"), path("q"),
                                    {"--method", "awq", "--synth", "full", "--samples", "4"}));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("stay as they were"));
  const Json report = Json::parse(read(path("q") + "/quantize_report.json"));
  EXPECT_THAT(report["kept"].dump(), HasSubstr("layers.2.mlp.experts.0.down_proj"));
  EXPECT_EQ(run({"inspect", path("q"), "--json"}).exit_code, 0);
}

// One sample reaches some experts with a few rows only.
TEST_F(Program, ExpertsWithoutRowsAreRoundedWithANotice) {
  const Outcome done = run(
      quantize(tiny("glm4v_moe"), path("q"),
               {"--method", "gptq", "--synth", "full", "--samples", "1", "--eval-samples", "1"}));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("too few rows"));
  const Json report = Json::parse(read(path("q") + "/quantize_report.json"));
  EXPECT_GT(report["rounded"].size(), 0U);
  EXPECT_LT(report["rounded"].size(), report["linears"].size());
}

TEST_F(Program, ReportComparesWithTheOriginal) {
  const std::string model = tiny();
  ASSERT_EQ(run({"synth", "-o", path("data"), "--count", "1"}).exit_code, 0);
  const Outcome done = run(quantize(
      model, path("q"), {"--method", "rtn", "--eval-data", path("data") + "/finetune.json"}));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("of all text"));
  const Json report = Json::parse(read(path("q") + "/quantize_report.json"));
  const Json& text = report["comparison"]["text"];
  const Json& replies = report["comparison"]["replies"];
  EXPECT_GT(text["tokens"], replies["tokens"]);
  EXPECT_GT(replies["kl_mean"].get<double>(), 0);
  EXPECT_LT(replies["kl_mean"].get<double>(), 0.1);
  EXPECT_GE(replies["kl_p99"], replies["kl_mean"]);
  EXPECT_NEAR(replies["perplexity"].get<double>(), replies["original_perplexity"].get<double>(),
              0.1 * replies["original_perplexity"].get<double>());
  EXPECT_EQ(report["hidden_errors"].size(), 3U);
}

TEST_F(Program, QuantizeRefusesWhatItCannotDo) {
  const std::string model = tiny();
  const auto refused = [&](const Words& more, const std::string& text) {
    expect_error(run(quantize(model, path("r"), more)), kMalformed, text);
  };
  refused({"--method", "magic"}, "rtn, gptq, awq");
  refused({"--method", "awq"}, "--data");
  refused({"--method", "rtn", "--format", "gguf"}, "compressed-tensors");
  refused({"--method", "rtn", "--bits", "8"}, "4 bits");
  refused({"--method", "gptq", "--synth", "nothing"}, "nothing");
  expect_error(run(quantize(model, model, {"--method", "rtn"})), kMalformed, "different folders");
  expect_error(run(quantize(path("nowhere"), path("r"), {"--method", "rtn"})), 3, "nowhere");
  ASSERT_EQ(run(quantize(model, path("q"), {"--method", "rtn", "-q"})).exit_code, 0);
  expect_error(run(quantize(path("q"), path("r"), {"--method", "rtn"})), kMalformed,
               "quantised already");
  EXPECT_FALSE(std::filesystem::exists(path("r") + "/config.json"));
}

TEST_F(Program, UnknownQuantisationIsRefused) {
  expect_error(ask({"--quant", "int3", "--", "hi"}), kMalformed, "int3");
  expect_error(ask({"--act", "fp8", "--", "hi"}), kMalformed, "fp8");
}

}  // namespace
}  // namespace glmv::e2e
